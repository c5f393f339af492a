//! Memory of real processes.

mod common;

use std::{hint::black_box, io::Read, process, thread};

use common::lock;
use nix::unistd::write;
use qclone::{Error, resources::memory};

const BIG: usize = 64 << 20;

#[test]
fn a_child_that_shares_has_little_of_its_own_until_it_writes() {
    let lock = lock();
    let mut shared = vec![1_u8; BIG];
    let idle = lock.start(|| {
        loop {
            thread::park();
        }
    });
    let big = u64::try_from(BIG).unwrap();

    let sharing = memory::of(idle.pid).unwrap();
    assert!(sharing.rss >= big, "{sharing:?}");
    assert!(sharing.uss < big / 4, "{sharing:?}");
    let own = memory::of(i32::try_from(process::id()).unwrap()).unwrap();
    assert!(own.pss < own.rss, "{own:?}");
    drop(idle);

    let (mut told, tell) = std::io::pipe().unwrap();
    let writing = lock.start(|| {
        black_box(&mut shared).fill(2);
        let _ = write(&tell, b"w");
        loop {
            thread::park();
        }
    });
    drop(tell);
    told.read_exact(&mut [0]).unwrap();
    let written = memory::of(writing.pid).unwrap();
    assert!(written.uss >= big, "{written:?}");
}

#[test]
fn a_zombie_has_no_memory() {
    let lock = lock();
    let child = lock.start(|| 0);
    let pid = child.pid;
    let stat = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    while !stat().contains(") Z ") {
        thread::yield_now();
    }
    assert!(matches!(memory::of(pid), Err(Error::Proc { .. })));
    child.finish();
    assert!(matches!(memory::of(pid), Err(Error::Proc { .. })));
}
