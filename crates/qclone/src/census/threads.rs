//! The census: which threads this process has, where each waits, and which file's code it runs.
//!
//! `fork(2)` copies only the calling thread. A fork is safe only when every other thread is idle: it
//! holds no lock and changes nothing. Whether a thread is idle depends on what kind of thread it is, so
//! the census describes each one and a [`Policy`](crate::Policy) judges it.

use std::{
    collections::HashMap,
    fs,
    ops::Range,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use nix::unistd::{getpid, gettid};

use crate::{
    census::{
        layout::{Description, ThreadLayout, calibration},
        modules::Modules,
        peek::{peek, peek_word},
        thread::{Start, Thread, parse_syscall},
    },
    error::{Error, Result},
    procfs,
};

/// Takes the census, and caches where each thread's description is.
#[derive(Debug)]
pub(crate) struct Threads {
    /// Known after the first census that found another thread.
    layout: Option<ThreadLayout>,
    task: PathBuf,
    modules: Modules,
    /// Last known address of each thread's `struct pthread`.
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

    /// Describes every thread except the calling one, in order of thread id.
    ///
    /// The first time there is one, starts and ends threads to learn the layout.
    pub(crate) fn census(&mut self) -> Result<Vec<Thread>> {
        let tids = self.others()?;
        if self.layout.is_none() && !tids.is_empty() {
            self.layout = Some(calibration()?.thread);
        }
        self.describe_all(&tids)
    }

    /// Does the same without learning the layout. If these are the first threads ever seen, their start
    /// routines are not known.
    pub(crate) fn census_again(&mut self) -> Result<Vec<Thread>> {
        let tids = self.others()?;
        self.describe_all(&tids)
    }

    /// Returns the number of other threads without looking at any of them. The kernel includes them in the
    /// link count of their directory (`proc_task_getattr` in Linux's `fs/proc/base.c`).
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

    /// Describes a thread. `None` when it has ended.
    fn describe(&mut self, tid: i32) -> Result<Option<Thread>> {
        let path = self.task.join(tid.to_string()).join("syscall");
        let text = match procfs::read_text(&path) {
            Ok(text) => text,
            // ENOENT on opening and ESRCH on reading: the thread has ended.
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

    /// Returns the module that an error names for a thread whose start routine is in `module`.
    fn owner(&self, module: &Path, described: &Description) -> PathBuf {
        if !is_language_runtime(module) {
            return module.to_owned();
        }
        // std::thread passes its runtime a pointer to an object of the module's own. Its first word points to
        // the virtual table in that module.
        peek_word(described.argument).and_then(|table| self.modules.of(table)).unwrap_or(module).to_owned()
    }

    /// Finds the thread library's description of a thread. Tries its last known address before it searches.
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

    /// Searches for the thread's `struct pthread`, which thread libraries place at the top of the stack.
    /// Searches upwards from the stack pointer. For a running thread, searches the last part of a stack.
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

/// Returns mappings that may be stacks: thread libraries put an inaccessible guard below each stack.
fn stacks() -> impl Iterator<Item = Range<usize>> {
    let mut text = Vec::new();
    // If they cannot be read, the census continues without stacks.
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

/// Returns whether this is the main thread of the process, the only one that can fork.
#[must_use]
pub fn is_main_thread() -> bool {
    getpid() == gettid()
}

/// Fails on any thread except the main one.
pub(crate) fn require_main_thread() -> Result<()> {
    if is_main_thread() {
        return Ok(());
    }
    Err(Error::NotMainThread { pid: getpid().as_raw(), tid: gettid().as_raw() })
}

/// Returns whether threads of other code start in this library.
fn is_language_runtime(module: &Path) -> bool {
    let name = module.file_name().unwrap_or_default().to_string_lossy();
    ["libstdc++.so", "libc++.so", "libc.so", "libpthread.so"].iter().any(|prefix| name.starts_with(prefix))
}

/// Links that any directory has: its own, and its parent's.
const LINKS_OF_A_FOLDER: u64 = 2;

/// Block size of the search for a thread's description, in bytes.
const SEARCH_BLOCK: usize = 64 * 1024;

/// Search distance above the stack pointer, in bytes. A parked thread's stack is shallow.
const SEARCH_LIMIT: usize = 1024 * 1024;
