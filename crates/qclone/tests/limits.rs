//! Limits on what a clone may cost its parent.

mod common;

use std::{fs, io::Read, os::fd::AsRawFd, process};

use common::{assert_success, in_child, lock};
use nix::{
    errno::Errno,
    sys::resource::{Resource, getrlimit},
};
use qclone::{
    Error,
    resources::limits::{self, Limit},
};

fn own_pid() -> i32 {
    i32::try_from(process::id()).unwrap()
}

#[test]
fn a_child_dies_with_its_parent() {
    let lock = lock();
    let (mut told, tell) = std::io::pipe().unwrap();
    // The test is the grandparent. Only it outlives the parent, and the pipe's end of file shows it that
    // the grandchild is gone, too.
    let parent = lock.start(|| {
        let parent = own_pid();
        // SAFETY: the grandchild only makes system calls.
        match unsafe { libc::fork() } {
            0 => {
                let asked = limits::die_with_parent(parent, libc::SIGKILL).is_ok_and(|asked| asked);
                let _ = nix::unistd::write(&tell, if asked { b"y" } else { b"n" });
                loop {
                    // SAFETY: pause waits for a signal.
                    unsafe { libc::pause() };
                }
            }
            _ => loop {
                // SAFETY: as above.
                unsafe { libc::pause() };
            },
        }
    });
    drop(tell);
    let mut answer = [0];
    told.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"y");

    parent.signal(libc::SIGKILL);
    assert!(parent.finish().signaled);
    let mut ended = [libc::pollfd { fd: told.as_raw_fd(), events: libc::POLLIN, revents: 0 }];
    // SAFETY: poll reads and writes one pollfd, which outlives the call.
    assert_eq!(unsafe { libc::poll(ended.as_mut_ptr(), 1, 20_000) }, 1, "the grandchild lives on");
    assert_eq!(told.read(&mut answer).unwrap(), 0);
}

#[test]
fn a_parent_that_is_gone_is_noticed() {
    // This process is the child's parent; process 1 is not.
    let status = in_child(|| i32::from(limits::die_with_parent(1, libc::SIGKILL).unwrap()));
    assert_success(&status);
}

#[test]
fn a_number_that_is_no_signal_is_refused() {
    for signal in [-1, 4711] {
        assert!(matches!(limits::die_with_parent(1, signal), Err(Error::Syscall { .. })));
    }
}

#[test]
fn niceness_is_the_childs_alone() {
    let own = niceness();
    let status = in_child(|| {
        limits::set_nice(own + 3).unwrap();
        assert_eq!(niceness(), own + 3);
        limits::set_nice(4711).unwrap();
        assert_eq!(niceness(), 19, "clamped");
        0
    });
    assert_success(&status);
    assert_eq!(niceness(), own);
}

#[test]
fn the_oom_score_is_the_childs_alone() {
    let own = oom_score_adj();
    let status = in_child(|| {
        limits::set_oom_score_adj(900).unwrap();
        assert_eq!(oom_score_adj(), "900");
        assert!(matches!(limits::set_oom_score_adj(1001), Err(Error::Syscall { .. })));
        0
    });
    assert_success(&status);
    assert_eq!(oom_score_adj(), own);
}

#[test]
fn idleness_is_the_childs_alone() {
    let policy = || {
        // SAFETY: the call takes an integer. musl's wrapper only fails.
        unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) }
    };
    let idle = libc::c_long::from(libc::SCHED_IDLE);
    let status = in_child(|| {
        limits::set_idle().unwrap();
        assert_eq!(policy(), idle);
        limits::set_idle().unwrap();
        0
    });
    assert_success(&status);
    assert_ne!(policy(), idle);
}

#[test]
fn affinity_is_the_childs_alone() {
    let own = cpus_allowed();
    let first: u32 = own.split(['-', ',']).next().unwrap().parse().unwrap();
    let status = in_child(|| {
        // A CPU that no machine of these tests has is ignored.
        limits::set_affinity(&[first, limits::MAX_CPU]).unwrap();
        assert_eq!(cpus_allowed(), first.to_string());
        for none in [&[][..], &[limits::MAX_CPU], &[first, limits::MAX_CPU + 1], &[u32::MAX]] {
            let error = limits::set_affinity(none).unwrap_err();
            assert!(matches!(error, Error::Syscall { errno: Errno::EINVAL, .. }), "{error}");
        }
        assert_eq!(cpus_allowed(), first.to_string());
        0
    });
    assert_success(&status);
    assert_eq!(cpus_allowed(), own);
}

#[test]
fn limits_are_the_childs_alone_and_only_fall() {
    for (limit, resource) in [
        (Limit::AddressSpace, Resource::RLIMIT_AS),
        (Limit::CpuSeconds, Resource::RLIMIT_CPU),
        (Limit::CoreSize, Resource::RLIMIT_CORE),
        (Limit::FileSize, Resource::RLIMIT_FSIZE),
    ] {
        let own = getrlimit(resource).unwrap();
        let status = in_child(|| {
            let most = own.1.min(1 << 40);
            let less = most / 2;
            limits::set_limit(limit, less, most).unwrap();
            assert_eq!(getrlimit(resource).unwrap(), (less, most));
            limits::set_limit(limit, less, u64::MAX).unwrap();
            assert_eq!(getrlimit(resource).unwrap(), (less, most), "above the hard limit");
            limits::set_limit(limit, u64::MAX, u64::MAX).unwrap();
            assert_eq!(getrlimit(resource).unwrap(), (most, most), "likewise");
            limits::set_limit(limit, most, less).unwrap();
            assert_eq!(getrlimit(resource).unwrap(), (less, less), "soft above hard");
            0
        });
        assert_success(&status);
        assert_eq!(getrlimit(resource).unwrap(), own);
    }
}

#[test]
fn a_child_past_its_processor_time_is_told_and_then_killed() {
    let lock = lock();
    let spin = |ignore| {
        limits::set_limit(Limit::CpuSeconds, 1, 2).unwrap();
        if ignore {
            // SAFETY: ignoring a signal replaces no handler in this child.
            unsafe { libc::signal(libc::SIGXCPU, libc::SIG_IGN) };
        }
        loop {
            std::hint::spin_loop();
        }
    };
    let told = lock.start(|| spin(false));
    let killed = lock.start(|| spin(true));
    assert_eq!(told.finish().termsig, Some(libc::SIGXCPU));
    assert_eq!(killed.finish().termsig, Some(libc::SIGKILL));
}

/// In the form of cpuset(7): `0-3,8`.
fn cpus_allowed() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    line.unwrap().trim().to_owned()
}

fn niceness() -> i32 {
    // SAFETY: getpriority takes two integers.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

fn oom_score_adj() -> String {
    fs::read_to_string("/proc/self/oom_score_adj").unwrap().trim().to_owned()
}
