//! Helpers of the cases: forks with a deadline, idle threads, and the state of a process.

use std::{
    collections::BTreeSet,
    fmt, fs,
    ops::Range,
    panic::{self, AssertUnwindSafe},
    sync::mpsc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::SigSet,
    unistd::{SysconfVar, gettid, sysconf},
};
use qclone::{Child, CloneSide, Fork, Forker, Policy, Result, Thread, Verdict, WaitStatus, fds};

/// Time limit of a clone.
pub(crate) const DEADLINE: Duration = Duration::from_secs(8);

const PANICKED: u8 = 101;

/// Forks. The clone runs `body`, and exits with 0 unless it panics.
pub(crate) fn fork(
    forker: &mut Forker,
    policy: &mut dyn Policy,
    body: impl FnOnce(CloneSide),
) -> Result<Child> {
    // SAFETY: the threads of these cases hold no lock when a policy judges them idle, and the
    // clone leaves by `exit`.
    match unsafe { forker.fork(policy)? } {
        Fork::Parent { child, .. } => Ok(child),
        Fork::Clone(side) => {
            let ran = panic::catch_unwind(AssertUnwindSafe(|| body(side)));
            qclone::exit(ran.map_or(PANICKED, |()| 0))
        }
    }
}

/// Reaps a clone. After the deadline, kills it first.
pub(crate) fn reap(mut child: Child) -> WaitStatus {
    if let Some(status) = child.wait_timeout(DEADLINE).expect("it is this case's clone") {
        return status;
    }
    child.kill(libc::SIGKILL).expect("SIGKILL is a signal");
    child.wait().expect("it is this case's clone")
}

/// Fails unless the clone exited with 0.
#[track_caller]
pub(crate) fn assert_well(child: Child) {
    let status = reap(child);
    assert!(status.success(), "{status}");
}

/// A policy that judges every thread idle.
pub(crate) fn at_rest(_: &Thread) -> Verdict {
    Verdict::AtRest
}

/// A thread that sleeps until released, with all signals blocked.
pub(crate) struct Sleeper {
    pub(crate) tid: i32,
    pub(crate) name: &'static str,
    wake: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Sleeper {
    /// Starts the thread, and waits until it sleeps.
    pub(crate) fn start(name: &'static str) -> Self {
        let (wake, woken) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let before = SigSet::all().thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_SETMASK).unwrap();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                tell.send(gettid().as_raw()).unwrap();
                // It allocates at its first wait, and is idle from then on.
                let _ = woken.recv();
            })
            .unwrap();
        before.thread_set_mask().unwrap();
        let tid = told.recv().unwrap();
        until("the thread sleeps on a futex", || is_asleep(tid));
        Self { tid, name, wake, thread }
    }

    /// Ends the thread, and waits until the kernel no longer lists it.
    pub(crate) fn end(self) {
        self.wake.send(()).unwrap();
        self.thread.join().unwrap();
        until_gone(self.tid);
    }
}

/// Whether a thread of this process has been asleep on a futex for a little while.
pub(crate) fn is_asleep(tid: i32) -> bool {
    let futex = format!("{} ", libc::SYS_futex);
    let sleeps = || {
        fs::read_to_string(format!("/proc/self/task/{tid}/syscall"))
            .is_ok_and(|call| call.starts_with(&futex))
    };
    sleeps() && {
        thread::sleep(Duration::from_millis(1));
        sleeps()
    }
}

/// Waits until the kernel no longer lists a joined thread, which may take a moment.
pub(crate) fn until_gone(tid: i32) {
    until("the thread is gone", || !fs::exists(format!("/proc/self/task/{tid}")).unwrap());
}

/// Waits for `condition`.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "not in time: {what}");
        thread::yield_now();
    }
}

/// State of a parent that a fork must not change.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct State {
    signals: SigSet,
    fds: Vec<i32>,
    tids: BTreeSet<String>,
    /// Pages marked `MADV_DONTFORK`.
    pub(crate) marked: BTreeSet<usize>,
}

impl State {
    pub(crate) fn now() -> Self {
        let marked = marked_mappings().into_iter().flat_map(|range| range.step_by(page_size())).collect();
        let tids = fs::read_dir("/proc/self/task")
            .unwrap()
            .map(|task| task.unwrap().file_name().into_string().unwrap())
            .filter(|tid| !is_ending(tid))
            .collect();
        Self { signals: SigSet::thread_get_mask().unwrap(), fds: fds::list().unwrap(), tids, marked }
    }

    /// Removes a descriptor, which must have been there.
    pub(crate) fn without_fd(mut self, fd: i32) -> Self {
        let at = self.fds.iter().position(|&open| open == fd).expect("it was open");
        self.fds.remove(at);
        self
    }
}

/// Whether a thread is exiting. It stays listed for a moment after pthread_join(3) has returned.
fn is_ending(tid: &str) -> bool {
    /// From the kernel's include/linux/sched.h.
    const PF_EXITING: u32 = 4;
    let path = format!("/proc/self/task/{tid}/stat");
    match fs::read_to_string(path) {
        // The name, in parentheses, may contain spaces. The flags are the seventh field after it.
        Ok(stat) => {
            let (_, fields) = stat.rsplit_once(") ").unwrap();
            let flags: u32 = fields.split(' ').nth(6).unwrap().parse().unwrap();
            flags & PF_EXITING != 0
        }
        Err(error) => matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)),
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { signals, fds, tids, marked } = self;
        let marked = marked.iter().map(|page| format!("{page:x}")).collect::<Vec<_>>();
        let signals: Vec<_> = signals.iter().collect();
        f.debug_tuple("State").field(&signals).field(fds).field(tids).field(&marked).finish()
    }
}

/// Mappings that a plain fork leaves out, according to `VmFlags` in `/proc/self/smaps`.
pub(crate) fn marked_mappings() -> Vec<Range<usize>> {
    let mut marked = Vec::new();
    let mut range = 0..0;
    for line in fs::read_to_string("/proc/self/smaps").unwrap().lines() {
        if let Some(flags) = line.strip_prefix("VmFlags:") {
            if flags.split_ascii_whitespace().any(|flag| flag == "dc") {
                marked.push(range.clone());
            }
        } else if let Some((start, end)) =
            line.split_once(' ').and_then(|(addresses, _)| addresses.split_once('-'))
            && let (Ok(start), Ok(end)) = (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16))
        {
            range = start..end;
        }
    }
    marked
}

/// Bytes in a page of memory.
pub(crate) fn page_size() -> usize {
    sysconf(SysconfVar::PAGE_SIZE).unwrap().unwrap().try_into().unwrap()
}
