//! The census: which threads this process has, where each waits, and whose code it runs.
//!
//! `fork(2)` copies the calling thread alone. A fork is safe only when every other thread is at
//! rest: holding no lock, changing nothing. Who is at rest is a matter of knowing the thread, so
//! the census describes each one and a [`Policy`] judges it.

use std::{
    collections::HashMap,
    fmt, fs,
    ops::Range,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use nix::unistd::{getpid, gettid};

use crate::{
    calibrate::{ThreadLayout, calibration},
    error::{Error, Result},
    modules::Modules,
    peek::{peek, peek_word},
    procfs,
};

/// Where a thread is, as `/proc/PID/task/TID/syscall` tells it; see proc(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// On a processor, or about to be.
    Running,
    /// Blocked outside a system call (a page fault, say).
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
    /// The address of the futex that the thread sleeps on, with the operation.
    #[must_use]
    pub fn futex(&self) -> Option<(usize, FutexOp)> {
        match *self {
            Self::Syscall { number, args } if number == libc::SYS_futex => {
                // The kernel looks at the lower 32 bits of the operation.
                let op = i32::try_from(args[1] & 0xffff_ffff).unwrap_or(0);
                let command = op & !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME);
                let op =
                    if command == libc::FUTEX_WAIT_BITSET { FutexOp::WaitBitset } else { FutexOp::Other };
                Some((args[0], op))
            }
            _ => None,
        }
    }

    /// Whether the thread sleeps in a call that does nothing but wait: for a condition, an event, a
    /// signal or a time. A read that waits for a disk is none.
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

    /// Whether the thread waits for events of a file descriptor.
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

/// Of any folder, to itself and from where it lies.
const LINKS_OF_A_FOLDER: u64 = 2;

/// Calls that wait, on every architecture.
const PARKING: [i64; 7] = [
    libc::SYS_futex,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_rt_sigsuspend,
];

/// From Linux 5.11 on, the same on all architectures.
const SYS_EPOLL_PWAIT2: i64 = 441;

/// How a thread sleeps on a futex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FutexOp {
    /// `FUTEX_WAIT_BITSET`: condition variables and semaphores of glibc.
    WaitBitset,
    /// Anything else: a lock that is held by somebody, mostly.
    Other,
}

/// The function that a thread began with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Its address.
    pub address: usize,
    /// The loaded object that holds it.
    pub module: Option<PathBuf>,
}

/// One thread other than the calling one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// Its thread id.
    pub tid: i32,
    /// Where it is.
    pub wait: Wait,
    /// Where it began, when that could be found out: of a thread that was never seen at a system
    /// call it cannot.
    pub start: Option<Start>,
    /// The loaded object to name to a person: where it began or, when that is in a language's
    /// runtime library, where its first object's code lives.
    pub owner: Option<PathBuf>,
    /// Where the thread library describes it: at the top of its stack.
    description: Option<usize>,
}

impl Thread {
    /// The name that prctl(2) `PR_SET_NAME` gave it; empty when it is gone.
    #[must_use]
    pub fn name(&self) -> String {
        fs::read_to_string(format!("/proc/self/task/{}/comm", self.tid))
            .unwrap_or_default()
            .trim_end()
            .to_owned()
    }

    /// Whether `name` stands for the file whose code it runs: the file's name, or the beginning of it
    /// up to a character that is no letter or digit. `libvips` stands for `libvips-cpp.so.8.17.3`.
    #[must_use]
    pub fn is_of(&self, name: &str) -> bool {
        let file = self.owner.as_ref().and_then(|owner| owner.file_name()?.to_str());
        let rest = file.and_then(|file| file.strip_prefix(name)).filter(|_| !name.is_empty());
        rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    }

    /// Whether it is one of the kernel's, which runs no code of this process: a worker of an
    /// io_uring that the process has. By `PF_IO_WORKER` among the flags in `/proc/PID/task/TID/stat`,
    /// of include/linux/sched.h; a name can be taken by any thread, this cannot.
    #[must_use]
    pub fn is_of_kernel(&self) -> bool {
        const PF_IO_WORKER: u32 = 0x10;
        let stat = fs::read_to_string(format!("/proc/self/task/{}/stat", self.tid)).unwrap_or_default();
        // Behind the name, which stands in parentheses and may hold some: state, four ids, the
        // terminal's group, flags.
        let flags = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_ascii_whitespace().nth(6));
        flags.and_then(|flags| flags.parse::<u32>().ok()).is_some_and(|flags| flags & PF_IO_WORKER != 0)
    }

    /// The signals it blocks, as the mask in `/proc/PID/task/TID/status`.
    #[must_use]
    pub fn blocked_signals(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/self/task/{}/status", self.tid)).ok()?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    }

    /// The mapping that holds its stack, sometimes with the mapping above. Known when its start is.
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

/// What a [`Policy`] says of a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Known, and it holds and changes nothing: the fork may go on.
    AtRest,
    /// Known, and at work: the fork can go on later. The text says at what.
    Busy(String),
    /// Not known, or known never to rest. The text says what it is taken for.
    Foreign(String),
}

/// Judges the threads of a census.
pub trait Policy {
    /// The verdict on `thread`.
    fn judge(&mut self, thread: &Thread) -> Verdict;

    /// Called before this process's mappings are read. Whether [`judge`](Self::judge) will know, from
    /// what is remembered here, of each thread that is at rest then whether it has been at work since:
    /// it may have mapped memory, which the clone would not have. Where it will not, the default, all
    /// threads are looked at before, too.
    fn remember_rest(&mut self) -> bool {
        false
    }

    /// Called right before fork(2), when every thread has been judged to be at rest: from here on
    /// nothing in this process changes but by the calling thread.
    ///
    /// # Errors
    /// Whatever keeps the caller from a fork after all.
    fn all_at_rest(&mut self) -> Result<()> {
        Ok(())
    }
}

impl<F: FnMut(&Thread) -> Verdict> Policy for F {
    fn judge(&mut self, thread: &Thread) -> Verdict {
        self(thread)
    }
}

/// The default policy: every other thread refuses the fork.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Policy for Alone {
    fn judge(&mut self, _: &Thread) -> Verdict {
        Verdict::Foreign("another thread".to_owned())
    }
}

/// A thread that stands in the way of a fork.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offender {
    /// The thread.
    pub thread: Thread,
    /// Its name at the time of the census.
    pub name: String,
    /// Whether it may be at rest later: false for one that is foreign.
    pub busy: bool,
    /// What the policy took it for.
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

/// Takes the census, remembering from one to the next where each thread's description lies.
#[derive(Debug)]
pub(crate) struct Threads {
    /// Known from the first census on that met another thread.
    layout: Option<ThreadLayout>,
    task: PathBuf,
    modules: Modules,
    /// Where the `struct pthread` of a thread id was last found.
    structs: HashMap<i32, usize>,
}

impl Threads {
    pub(crate) fn new(proc_self: &Path) -> Self {
        Self {
            layout: None,
            task: proc_self.join("task"),
            modules: Modules::default(),
            structs: HashMap::new(),
        }
    }

    /// Describes every thread but the calling one, in order of thread id.
    ///
    /// The first time that there is one, threads are started and ended to learn how to.
    pub(crate) fn census(&mut self) -> Result<Vec<Thread>> {
        let tids = self.others()?;
        if self.layout.is_none() && !tids.is_empty() {
            self.layout = Some(calibration()?.thread);
        }
        self.describe_all(&tids)
    }

    /// The same, without learning: threads that are the first ever seen have no known start.
    pub(crate) fn census_again(&mut self) -> Result<Vec<Thread>> {
        let tids = self.others()?;
        self.describe_all(&tids)
    }

    /// How many other threads there are, without a look at any: the kernel counts them among the links of
    /// their folder (`proc_task_getattr` in Linux's `fs/proc/base.c`).
    pub(crate) fn count(&self) -> Option<u64> {
        fs::metadata(&self.task).ok()?.nlink().checked_sub(LINKS_OF_A_FOLDER + 1)
    }

    fn others(&self) -> Result<Vec<i32>> {
        let me = gettid().as_raw();
        let mut tids = Vec::new();
        for entry in fs::read_dir(&self.task).map_err(Error::proc(&self.task))? {
            let entry = entry.map_err(Error::proc(&self.task))?;
            let tid = entry.file_name().to_str().and_then(|name| name.parse().ok());
            let unreadable = || Error::ProcFormat { path: self.task.clone(), line: format!("{entry:?}") };
            tids.push(tid.ok_or_else(unreadable)?);
        }
        tids.retain(|&tid| tid != me);
        tids.sort_unstable();
        Ok(tids)
    }

    fn describe_all(&mut self, tids: &[i32]) -> Result<Vec<Thread>> {
        self.modules.refresh();
        self.structs.retain(|tid, _| tids.binary_search(tid).is_ok());
        tids.iter().filter_map(|&tid| self.describe(tid).transpose()).collect()
    }

    /// `None` when the thread ended meanwhile.
    fn describe(&mut self, tid: i32) -> Result<Option<Thread>> {
        let path = self.task.join(tid.to_string()).join("syscall");
        let text = match procfs::read_text(&path) {
            Ok(text) => text,
            // ENOENT on opening and ESRCH on reading: no such thread any more.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => {
                return Ok(None);
            }
            Err(error) => return Err(Error::proc(path)(error)),
        };
        let (wait, stack_pointer) =
            parse_syscall(&text).ok_or_else(|| Error::ProcFormat { path, line: text.clone() })?;
        let mut thread = Thread { tid, wait, start: None, owner: None, description: None };
        if let Some(layout) = self.layout
            && let Some(found) = self.described(&layout, tid, stack_pointer)
        {
            let module = self.modules.of(found.start).map(Path::to_owned);
            thread.owner = module.as_deref().map(|module| self.owner(module, &found));
            thread.start = Some(Start { address: found.start, module });
            thread.description = Some(found.at);
        }
        Ok(Some(thread))
    }

    /// The module to name to a person, of a thread that began in `module`.
    fn owner(&self, module: &Path, described: &Description) -> PathBuf {
        if !is_language_runtime(module) {
            return module.to_owned();
        }
        // std::thread hands its runtime a pointer to an object of the module's own, whose first
        // word points to its virtual table in the module.
        peek_word(described.argument).and_then(|table| self.modules.of(table)).unwrap_or(module).to_owned()
    }

    /// What the thread library has of a thread, where it was last found or, if that is not there any
    /// more, wherever it is.
    fn described(
        &mut self,
        layout: &ThreadLayout,
        tid: i32,
        stack_pointer: Option<usize>,
    ) -> Option<Description> {
        if let Some(&at) = self.structs.get(&tid)
            && let Some(found) = layout.describe(at, tid)
        {
            return Some(found);
        }
        let found = match stack_pointer {
            Some(stack_pointer) => self.find_struct(layout, tid, stack_pointer..stack_pointer + SEARCH_LIMIT),
            None => stacks().find_map(|stack| {
                let top = stack.end.saturating_sub(SEARCH_BLOCK).max(stack.start);
                self.find_struct(layout, tid, top..stack.end)
            }),
        }?;
        self.structs.insert(tid, found.at);
        Some(found)
    }

    /// Looks for the thread's `struct pthread`, which thread libraries place at the top of the
    /// stack: upwards from the stack pointer or, of a thread that runs, in the last part of a stack.
    fn find_struct(&self, layout: &ThreadLayout, tid: i32, range: Range<usize>) -> Option<Description> {
        let needle = u32::try_from(tid).ok()?.to_ne_bytes();
        let mut block = vec![0; SEARCH_BLOCK];
        let mut at = range.start & !15;
        while at < range.end {
            let read = peek(at, &mut block);
            for (index, word) in block[..read].chunks_exact(4).enumerate() {
                if word == needle
                    && let Some(candidate) = (at + index * 4).checked_sub(layout.tid)
                    && let Some(found) = layout.describe(candidate, tid)
                    && self.modules.of(found.start).is_some()
                {
                    return Some(found);
                }
            }
            if read < block.len() {
                return None;
            }
            at += read;
        }
        None
    }
}

/// Mappings that may be stacks: thread libraries put a guard below each, which nobody may touch.
fn stacks() -> impl Iterator<Item = Range<usize>> {
    let mut text = Vec::new();
    // Not readable: then none is found, and the census goes without.
    let _ = procfs::read_into(Path::new("/proc/self/maps"), &mut text);
    let mut stacks = Vec::new();
    let mut guard_end = None;
    for line in text.split(|&byte| byte == b'\n') {
        let Some((start, rest)) = procfs::hex(line) else { continue };
        let Some((end, rest)) = rest.get(1..).and_then(procfs::hex) else { continue };
        if guard_end == Some(start) && rest.starts_with(b" rw-p") {
            stacks.push(start..end);
        }
        guard_end = rest.starts_with(b" ---p").then_some(end);
    }
    stacks.into_iter()
}

/// What a thread library's description of a thread says.
struct Description {
    /// Where it lies.
    at: usize,
    start: usize,
    argument: usize,
}

impl ThreadLayout {
    /// What is at `at`, if it looks like the thread library's description of thread `tid`.
    ///
    /// All of it is read at once: a system call for each part would be a third of a census.
    fn describe(&self, at: usize, tid: i32) -> Option<Description> {
        const WORD: usize = size_of::<usize>();
        let own = self.self_pointer.map(usize::cast_signed);
        let offsets = || [self.tid.cast_signed(), self.start, self.argument].into_iter().chain(own);
        let (first, last) = (offsets().min()?, offsets().max()?);
        let mut bytes = vec![0; last.abs_diff(first) + WORD];
        if peek(at.checked_add_signed(first)?, &mut bytes) < bytes.len() {
            return None;
        }
        let behind = |offset: isize| &bytes[offset.abs_diff(first)..];
        let word = |offset: isize| behind(offset).first_chunk().copied().map(usize::from_ne_bytes);
        let is_of = behind(self.tid.cast_signed()).starts_with(&tid.to_ne_bytes());
        (is_of && own.is_none_or(|own| word(own) == Some(at))).then_some(Description {
            at,
            start: word(self.start)?,
            argument: word(self.argument)?,
        })
    }
}

/// A policy's verdict on each thread, as an error when one stands in the way.
pub(crate) fn judge(threads: &[Thread], policy: &mut dyn Policy) -> Result<()> {
    let offenders: Vec<_> = threads
        .iter()
        .filter_map(|thread| {
            let (busy, what) = match policy.judge(thread) {
                Verdict::AtRest => return None,
                Verdict::Busy(what) => (true, what),
                Verdict::Foreign(what) => (false, what),
            };
            Some(Offender { thread: thread.clone(), name: thread.name(), busy, what })
        })
        .collect();
    if offenders.is_empty() { Ok(()) } else { Err(Error::Threads(offenders)) }
}

/// Refuses on any thread but the one that the process began with.
pub(crate) fn require_main_thread() -> Result<()> {
    let (pid, tid) = (getpid().as_raw(), gettid().as_raw());
    if pid == tid { Ok(()) } else { Err(Error::NotMainThread { pid, tid }) }
}

/// Where thread `tid` of this process is; `None` when that cannot be made sense of.
pub(crate) fn wait_of(tid: i32) -> Result<Option<Wait>> {
    let path = PathBuf::from(format!("/proc/self/task/{tid}/syscall"));
    let text = procfs::read_text(&path).map_err(Error::proc(path))?;
    Ok(parse_syscall(&text).map(|(wait, _)| wait))
}

/// `running`, `-1 SP PC`, or `NUMBER ARG0 … ARG5 SP PC`, with the stack pointer where there is one.
fn parse_syscall(text: &str) -> Option<(Wait, Option<usize>)> {
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

/// Libraries in which the threads of other people's code begin.
fn is_language_runtime(module: &Path) -> bool {
    let name = module.file_name().unwrap_or_default().to_string_lossy();
    ["libstdc++.so", "libc++.so", "libc.so", "libpthread.so"].iter().any(|prefix| name.starts_with(prefix))
}

/// How much is read at a time in the search for a thread's description, in bytes.
const SEARCH_BLOCK: usize = 64 * 1024;

/// How far above the stack pointer the search goes, in bytes: a parked thread's stack is shallow.
const SEARCH_LIMIT: usize = 1024 * 1024;

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
