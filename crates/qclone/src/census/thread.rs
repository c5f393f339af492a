//! One thread: where it waits, which file's code it runs, and how an error names it.

use std::{
    fmt, fs, io,
    ops::Range,
    path::{Path, PathBuf},
};

use crate::procfs;

/// State of a thread, from `/proc/PID/task/TID/syscall`; see proc(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Running on a CPU, or about to.
    Running,
    /// Blocked outside a system call, in a page fault for example.
    Blocked,
    /// Blocked in a system call.
    Syscall {
        /// The call's number on this architecture.
        number: i64,
        /// Its arguments.
        args: [usize; 6],
    },
}

impl Wait {
    /// Reads the state of thread `tid` of this process. `None` when the kernel's answer cannot be parsed.
    pub(crate) fn of(tid: i32) -> io::Result<Option<Self>> {
        let text = procfs::read_text(Path::new(&format!("/proc/self/task/{tid}/syscall")))?;
        Ok(parse_syscall(&text).map(|(wait, _)| wait))
    }

    /// Returns the futex the thread sleeps on, and the operation.
    #[must_use]
    pub fn futex(&self) -> Option<(usize, FutexOp)> {
        match *self {
            Self::Syscall { number, args } if number == libc::SYS_futex => {
                // The kernel uses the lower 32 bits of the operation.
                let op = i32::try_from(args[1] & 0xffff_ffff).unwrap_or(0);
                let command = op & !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME);
                let op =
                    if command == libc::FUTEX_WAIT_BITSET { FutexOp::WaitBitset } else { FutexOp::Other };
                Some((args[0], op))
            }
            _ => None,
        }
    }

    /// Returns whether the thread sleeps in a call that only waits for a condition, an event, a signal or a
    /// time. A read that waits for a disk does not count.
    #[must_use]
    pub fn is_parked(&self) -> bool {
        match *self {
            #[cfg(target_arch = "x86_64")]
            Self::Syscall { number, .. }
                if [libc::SYS_poll, libc::SYS_select, libc::SYS_pause].contains(&number) =>
            {
                true
            }
            Self::Syscall { number, .. } => self.is_epoll() || PARKING.contains(&number),
            _ => false,
        }
    }

    /// Returns whether the thread waits in `epoll(7)` for events of a file descriptor.
    #[must_use]
    pub fn is_epoll(&self) -> bool {
        match *self {
            #[cfg(target_arch = "x86_64")]
            Self::Syscall { number, .. } if number == libc::SYS_epoll_wait => true,
            Self::Syscall { number, .. } => [libc::SYS_epoll_pwait, SYS_EPOLL_PWAIT2].contains(&number),
            _ => false,
        }
    }
}

/// System calls that only wait, on every architecture.
const PARKING: [i64; 7] = [
    libc::SYS_futex,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_rt_sigsuspend,
];

/// Linux 5.11 and later; one number for all architectures.
const SYS_EPOLL_PWAIT2: i64 = 441;

/// Operation with which a thread sleeps on a futex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FutexOp {
    /// `FUTEX_WAIT_BITSET`: condition variables and semaphores of glibc.
    WaitBitset,
    /// Any other operation. Most often the thread waits for a lock that another thread holds.
    Other,
}

/// Start routine of a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Address.
    pub address: usize,
    /// Loaded object that contains it.
    pub module: Option<PathBuf>,
}

/// One thread other than the calling one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// Thread id.
    pub tid: i32,
    /// State.
    pub wait: Wait,
    /// Start routine. `None` for a thread that was never seen in a system call.
    pub start: Option<Start>,
    /// Loaded object that an error names: the one that contains the start routine. If that is a language's
    /// runtime library, the one that contains the code that the runtime calls first.
    pub owner: Option<PathBuf>,
    /// Address of the thread library's description, at the top of the stack.
    pub(crate) description: Option<usize>,
}

impl Thread {
    /// Returns the name set with prctl(2) `PR_SET_NAME`. Empty when the thread has ended.
    #[must_use]
    pub fn name(&self) -> String {
        fs::read_to_string(format!("/proc/self/task/{}/comm", self.tid))
            .unwrap_or_default()
            .trim_end()
            .to_owned()
    }

    /// Returns whether `name` names the file whose code the thread runs. A name is the file name, or its
    /// start up to a character that is not a letter or digit: `libvips` names `libvips-cpp.so.8.17.3`.
    #[must_use]
    pub fn is_of(&self, name: &str) -> bool {
        let file = self.owner.as_ref().and_then(|owner| owner.file_name()?.to_str());
        let rest = file.and_then(|file| file.strip_prefix(name)).filter(|_| !name.is_empty());
        rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    }

    /// Returns whether the kernel owns the thread. It owns the workers of an io_uring of this process, which
    /// run no code of the process.
    ///
    /// Reads the flag `PF_IO_WORKER` (include/linux/sched.h) from `/proc/PID/task/TID/stat`. A thread can
    /// give itself any name, but not this flag.
    #[must_use]
    pub fn is_of_kernel(&self) -> bool {
        const PF_IO_WORKER: u32 = 0x10;
        let stat = fs::read_to_string(format!("/proc/self/task/{}/stat", self.tid)).unwrap_or_default();
        // After the name, which is in parentheses and may contain parentheses: state, four ids, the
        // terminal's group, flags.
        let flags = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_ascii_whitespace().nth(6));
        flags.and_then(|flags| flags.parse::<u32>().ok()).is_some_and(|flags| flags & PF_IO_WORKER != 0)
    }

    /// Returns the mask of blocked signals, from `/proc/PID/task/TID/status`.
    #[must_use]
    pub fn blocked_signals(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/self/task/{}/status", self.tid)).ok()?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    }

    /// Returns the mapping that contains the stack. It may be merged with the mapping above. Known if the
    /// start routine is known.
    #[must_use]
    pub fn stack(&self) -> Option<Range<usize>> {
        let description = self.description?;
        let mut text = Vec::new();
        procfs::read_into(Path::new("/proc/self/maps"), &mut text).ok()?;
        text.split(|&byte| byte == b'\n').find_map(|line| {
            let (start, rest) = procfs::hex(line)?;
            let (end, _) = procfs::hex(rest.get(1..)?)?;
            (start..end).contains(&description).then_some(start..end)
        })
    }
}

/// A thread that prevents a fork.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offender {
    /// The thread.
    pub thread: Thread,
    /// Name at the time of the census.
    pub name: String,
    /// Whether it may become idle. False for a foreign thread.
    pub busy: bool,
    /// Description by the policy.
    pub what: String,
}

impl fmt::Display for Offender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "thread {} \"{}\"", self.thread.tid, self.name)?;
        if let Some(owner) = &self.thread.owner {
            write!(f, " of {}", owner.display())?;
        }
        write!(f, " ({})", self.what)
    }
}

/// Parses `running`, `-1 SP PC`, or `NUMBER ARG0 … ARG5 SP PC`. Returns the stack pointer if there is one.
pub(crate) fn parse_syscall(text: &str) -> Option<(Wait, Option<usize>)> {
    let mut words = text.split_ascii_whitespace();
    let first = words.next()?;
    if first == "running" {
        return Some((Wait::Running, None));
    }
    let number: i64 = first.parse().ok()?;
    let mut next = || {
        let (value, rest) = procfs::hex(words.next()?.strip_prefix("0x")?.as_bytes())?;
        rest.is_empty().then_some(value)
    };
    if number < 0 {
        return Some((Wait::Blocked, Some(next()?)));
    }
    let mut args = [0; 6];
    for arg in &mut args {
        *arg = next()?;
    }
    Some((Wait::Syscall { number, args }, Some(next()?)))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{FutexOp, Thread, Wait, parse_syscall};

    #[test]
    fn parses_a_running_thread() {
        assert_eq!(parse_syscall("running\n"), Some((Wait::Running, None)));
    }

    #[test]
    fn parses_a_thread_blocked_outside_a_call() {
        assert_eq!(parse_syscall("-1 0x7ffd10 0x4010\n"), Some((Wait::Blocked, Some(0x7f_fd10))));
    }

    #[test]
    fn parses_a_call_with_its_arguments() {
        let text = format!("{} 0x10 0x189 0x0 0x0 0x0 0xffffffff 0x7f00 0x4010\n", libc::SYS_futex);
        let (wait, stack_pointer) = parse_syscall(&text).unwrap();
        assert_eq!(stack_pointer, Some(0x7f00));
        assert_eq!(wait.futex(), Some((0x10, FutexOp::WaitBitset)));
        assert!(!wait.is_epoll());
    }

    #[test]
    fn tells_a_lock_from_a_condition_variable() {
        let text = format!("{} 0x10 0x80 0x2 0x0 0x0 0x0 0x7f00 0x4010\n", libc::SYS_futex);
        assert_eq!(parse_syscall(&text).unwrap().0.futex(), Some((0x10, FutexOp::Other)));
    }

    #[test]
    fn parked_is_who_only_waits() {
        let in_call = |number| Wait::Syscall { number, args: [0; 6] };
        for number in [libc::SYS_futex, libc::SYS_epoll_pwait, 441, libc::SYS_ppoll, libc::SYS_nanosleep] {
            assert!(in_call(number).is_parked(), "{number}");
        }
        for number in [libc::SYS_read, libc::SYS_mmap, libc::SYS_madvise, libc::SYS_fsync] {
            assert!(!in_call(number).is_parked(), "{number}");
        }
        assert!(!Wait::Running.is_parked() && !Wait::Blocked.is_parked());
    }

    #[test]
    fn a_name_stands_for_a_file_by_its_beginning_up_to_a_sign() {
        let of = |owner: Option<&str>| Thread {
            tid: 1,
            wait: Wait::Running,
            start: None,
            owner: owner.map(PathBuf::from),
            description: None,
        };
        let vips = of(Some("/x/libduckdb/libvips-cpp.so.8.17.3"));
        for name in ["libvips", "libvips-cpp", "libvips-cpp.so", "libvips-cpp.so.8.17.3"] {
            assert!(vips.is_of(name), "{name}");
        }
        for name in
            ["", "lib", "libvip", "libvips-cpp.so.8.1", "vips", "libduckdb", "libvips-cpp.so.8.17.3.1"]
        {
            assert!(!vips.is_of(name), "{name}");
        }
        assert!(of(Some("/x/skia.linux-x64-gnu.node")).is_of("skia"));
        assert!(!of(None).is_of("skia"));
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        for text in
            ["", "run", "202", "202 0x1", "202 1 2 3 4 5 6 7 8", "-1", "0 0xg 0x0 0x0 0x0 0x0 0x0 0x0 0x0"]
        {
            assert_eq!(parse_syscall(text), None, "{text:?}");
        }
    }
}
