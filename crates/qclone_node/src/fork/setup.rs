//! Native setup of a clone before JavaScript continues. The clone releases everything that belongs to its
//! parent, so that neither process affects the other.

use std::{
    ffi::{CString, c_int, c_void},
    ops::Range,
    os::fd::RawFd,
    ptr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicPtr, Ordering},
    },
};

use napi_derive::napi;
use qclone::{
    CloneSide,
    fds::{self, Fate},
    resources::{
        demote::give_way_to,
        limits::{self, Limit},
    },
    signals,
};

use crate::{
    fork::{loop_end, requests},
    io::{addresses, random},
    symbol::find_symbol,
    uv::{self, Loop, UvHandle, handle_type},
};

/// Resources the clone keeps, and conditions it runs under.
pub(crate) struct Inheritance {
    /// Descriptors that were open before the fork, in runs. Those the fork opened belong to the clone.
    pub(crate) descriptors: Vec<Range<RawFd>>,
    /// Pipes among them, from [`EarlierPipes::now`].
    pub(crate) earlier_pipes: Vec<(RawFd, Option<(u64, u64)>)>,
    /// Descriptors that stay as they are, with their handles, besides 0, 1 and 2.
    pub(crate) keep: Vec<RawFd>,
    /// Descriptors 0, 1 and 2.
    pub(crate) standard: [Standard; 3],
    pub(crate) rank: Rank,
    pub(crate) title: CString,
    /// Whether the clone may outlive its parent.
    pub(crate) detached: bool,
    /// Whether the clone ignores ending signals that its parent did not send.
    pub(crate) heeds_parent_only: bool,
    pub(crate) parent: i32,
}

/// Destination of a standard stream in the clone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standard {
    /// The parent's stream.
    Inherit,
    /// Nothing: reads return the end of file, and writes are lost.
    Ignore,
    /// A duplicate of this descriptor.
    Of(RawFd),
}

/// Priorities and limits of the clone.
pub(crate) struct Rank {
    pub(crate) niceness: Option<i32>,
    pub(crate) idle: bool,
    /// Whether the clone gives way to a parent that is kept waiting.
    pub(crate) gives_way: bool,
    pub(crate) oom_score_adj: Option<i32>,
    pub(crate) affinity: Option<Vec<u32>>,
    pub(crate) limits: Vec<(Limit, u64)>,
}

impl Rank {
    /// Applies everything but the limits.
    ///
    /// Niceness, policy and OOM score are for the benefit of other processes. If the system forbids a change,
    /// as in a sandbox, the clone keeps its current priority.
    fn apply(&self, parent: i32) -> qclone::Result<()> {
        if let Some(niceness) = self.niceness {
            let _ = limits::set_nice(niceness);
        }
        if self.idle {
            let _ = limits::set_idle();
        }
        if self.gives_way {
            let _ = give_way_to(parent);
        }
        if let Some(adj) = self.oom_score_adj {
            let _ = limits::set_oom_score_adj(adj);
        }
        self.affinity.as_deref().map_or(Ok(()), limits::set_affinity)
    }

    /// Applies the limits. This is the last step, so that the limits cannot make the setup fail.
    pub(crate) fn limit(&self) -> qclone::Result<()> {
        self.limits.iter().try_for_each(|&(limit, soft)| {
            // One more second for a program that handles SIGXCPU.
            let margin = u64::from(limit == Limit::CpuSeconds);
            limits::set_limit(limit, soft, soft.saturating_add(margin))
        })
    }
}

impl Inheritance {
    /// Returns pipes that were closed and opened again during the fork.
    fn new_pipes(&self) -> impl Iterator<Item = RawFd> {
        let is_new = |&&(pipe, before): &&(RawFd, _)| before != fds::identity(pipe);
        self.earlier_pipes.iter().filter(is_new).map(|&(pipe, _)| pipe)
    }

    /// Returns whether `fd` is a standard stream that is not the parent's in the clone.
    fn leads_elsewhere(&self, fd: RawFd) -> bool {
        (0..).zip(&self.standard).any(|(of, how)| of == fd && *how != Standard::Inherit)
    }
}

/// Pipes that were open before this process's first fork.
///
/// One of them is the pipe that libuv's signal handling uses as a lock. In a child, a handler that fork(2)
/// runs creates a new such pipe, usually at the same numbers. It belongs to the child, and must stay.
#[derive(Debug)]
pub(crate) struct EarlierPipes(Vec<RawFd>);

impl EarlierPipes {
    pub(crate) fn find(event_loop: Loop) -> qclone::Result<Self> {
        let tcp = Handles::of(event_loop).tcp;
        let is_pipe = |&fd: &RawFd| !tcp.contains(fd) && matches!(fds::kind(fd), fds::Kind::Pipe { .. });
        Ok(Self(fds::runs()?.into_iter().flatten().filter(is_pipe).collect()))
    }

    /// Returns what is open at these numbers now.
    pub(crate) fn now(&self) -> Vec<(RawFd, Option<(u64, u64)>)> {
        self.0.iter().map(|&fd| (fd, fds::identity(fd))).collect()
    }
}

/// Whether this clone ignores ending signals that its parent did not send.
static HEEDS_PARENT_ONLY: AtomicBool = AtomicBool::new(false);

/// The open file that replaces the parent's stream sockets in this clone.
static MUTE_STREAM: Mutex<Option<(u64, u64)>> = Mutex::new(None);

/// Returns whether `fd` was a stream socket of the parent and is dead in this clone.
///
/// Checks what is open there now: false for a socket that the clone keeps, and for a number that the clone
/// has reused.
#[napi]
pub fn is_dead_connection(fd: i32) -> bool {
    let dead = *MUTE_STREAM.lock().unwrap_or_else(PoisonError::into_inner);
    dead.is_some() && fds::identity(fd) == dead
}

/// The clone's side of its fork, while signals are blocked.
static SIDE: Mutex<Option<CloneSide>> = Mutex::new(None);

/// Lets signals through, once their listeners belong to the clone.
#[napi]
pub fn unblock_signals() {
    ignore_what_node_ignores();
    if HEEDS_PARENT_ONLY.load(Ordering::Relaxed) {
        // It does not fail for valid signals.
        let _ = signals::heed_parent_only();
    } else {
        signals::heed_everybody();
    }
    drop(SIDE.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// Ignores the signals that Node ignores from its start (`PlatformInit` in `src/node.cc`).
///
/// Removing a listener of the parent resets such a signal to its default action. A write to a closed
/// connection would then end the clone.
fn ignore_what_node_ignores() {
    for signal in [libc::SIGPIPE, libc::SIGXFSZ] {
        // SAFETY: all zeroes is a valid value of this structure of integers and nullable pointers.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: the call sets no new action, and `action` has room for the old one.
        unsafe { libc::sigaction(signal, ptr::null(), &raw mut action) };
        if action.sa_sigaction == libc::SIG_DFL {
            // SAFETY: SIG_IGN is not a function, and the signal is still blocked.
            unsafe { libc::signal(signal, libc::SIG_IGN) };
        }
    }
}

/// Sets the clone up. Signals stay blocked until [`unblock_signals`].
///
/// Returns which of the descriptors 1 and 2 have a dead stream of the parent: those with a pipe or socket
/// handle of the parent, whose pending bytes are the parent's, and those that now lead elsewhere.
///
/// The order of the steps matters:
///
/// 1. The descriptors come before the handles. The old epoll instance is shared with the parent. libuv can
///    affect it until its number has a fresh instance.
/// 2. The handles are stopped before the loop is forked, which adds each started handle to the new epoll
///    instance.
/// 3. The remaining requests are counted last, when all that can be dropped has been dropped.
///
/// # Errors
/// A description of what failed. The clone must end then: it may still hold resources of the parent.
pub(crate) fn settle(
    side: CloneSide,
    event_loop: Loop,
    inheritance: &Inheritance,
) -> Result<Vec<RawFd>, String> {
    detach_or_follow_parent(inheritance)?;
    inheritance.rank.apply(inheritance.parent).map_err(text)?;
    set_title(inheritance);
    let mut handles = Handles::of(event_loop);
    addresses::remember(sorted(handles.tcp.iter().chain(handles.udp.iter().copied())).into_iter());
    event_loop.drop_untold();
    let left = sorted(inheritance.keep.iter().copied().chain(inheritance.new_pipes()));
    redirect_standard_streams(inheritance, &mut handles)?;
    silence_descriptors(inheritance, &handles, &left)?;
    silence_handles(inheritance, event_loop);
    event_loop.fork().map_err(|error| format!("uv_loop_fork: {}", error.reason))?;
    loop_end::keep_going().map_err(|error| error.reason.clone())?;
    requests::note(event_loop);
    install_net();
    HEEDS_PARENT_ONLY.store(inheritance.heeds_parent_only, Ordering::Relaxed);
    random::refill().map_err(|error| error.reason.clone())?;
    *SIDE.lock().unwrap_or_else(PoisonError::into_inner) = Some(side);
    Ok(handles.outputs)
}

fn text(error: qclone::Error) -> String {
    error.to_string()
}

/// Begins a session of the clone's own, or makes the clone end with its parent.
fn detach_or_follow_parent(inheritance: &Inheritance) -> Result<(), String> {
    if inheritance.detached {
        // It fails only for the leader of a process group. A process that was just started is not one.
        return nix::unistd::setsid().map(drop).map_err(|errno| format!("setsid(2): {errno}"));
    }
    if !limits::die_with_parent(inheritance.parent, libc::SIGKILL).map_err(text)? {
        // The parent has already ended: the clone ends, as the signal would have ended it.
        qclone::exit(STATUS_OF_AN_ORPHAN);
    }
    Ok(())
}

/// Sets what `process.title` returns and sets. Fails if Node was started without any name.
fn set_title(inheritance: &Inheritance) {
    // SAFETY: the title ends in NUL, and libuv copies it.
    unsafe { uv::uv_set_process_title(inheritance.title.as_ptr()) };
}

/// Redirects 0, 1 and 2 for the clone, and adds 1 and 2 to the dead outputs if they lead elsewhere. Must run
/// before the descriptors they are duplicated from are replaced.
fn redirect_standard_streams(inheritance: &Inheritance, handles: &mut Handles) -> Result<(), String> {
    for (fd, standard) in (libc::STDOUT_FILENO..).zip(&inheritance.standard[1..]) {
        let source = match *standard {
            Standard::Inherit => continue,
            Standard::Ignore => None,
            Standard::Of(source) => Some(source),
        };
        // SAFETY: nothing in this clone has used a descriptor yet, and Node's and libuv's objects know
        // theirs only by number.
        unsafe { fds::redirect(fd, source) }.map_err(text)?;
        if !handles.outputs.contains(&fd) {
            handles.outputs.push(fd);
        }
    }
    let input = libc::STDIN_FILENO;
    match inheritance.standard[0] {
        Standard::Inherit => Ok(()),
        // SAFETY: nothing in this clone has read from descriptor 0, and its owners know it only by number.
        Standard::Ignore => unsafe { fds::redirect_to_end(input, handles.input) },
        // SAFETY: nothing in this clone has read from descriptor 0, and its owners know it only by number.
        Standard::Of(source) => unsafe { fds::redirect(input, Some(source)) },
    }
    .map_err(text)
}

/// Makes the parent's descriptors inert, except 0 to 2 and those in `left`, which is sorted.
fn silence_descriptors(inheritance: &Inheritance, handles: &Handles, left: &[RawFd]) -> Result<(), String> {
    let fate = |fd: RawFd| match fd {
        libc::STDIN_FILENO..=libc::STDERR_FILENO => Fate::Keep,
        _ if left.binary_search(&fd).is_ok() => Fate::Keep,
        _ if handles.tcp.contains(fd) => Fate::MuteStream,
        _ if handles.watched.contains(fd) => Fate::Unused,
        _ => Fate::Mute,
    };
    let descriptors = inheritance.descriptors.iter().cloned().flatten();
    // SAFETY: nothing in this clone has used a descriptor yet, and Node's and libuv's objects know
    // theirs only by number. Descriptors of libuv's TCP handles and of this library's watches are open.
    let replaced = unsafe { fds::make_inert(descriptors, &fate) }.map_err(text)?;
    *MUTE_STREAM.lock().unwrap_or_else(PoisonError::into_inner) = replaced.mute_stream;
    Ok(())
}

/// Stops the parent's handles. Does not keep handles of a standard stream that now leads elsewhere.
fn silence_handles(inheritance: &Inheritance, event_loop: Loop) {
    let kept = inheritance.keep.iter().copied().filter(|&fd| !inheritance.leads_elsewhere(fd));
    let keep = sorted(kept);
    let mut parent = OfParent { event_loop, keep: &keep, wakers: Vec::new() };
    event_loop.walk(quieten, &mut parent);
    *WAKERS.lock().unwrap_or_else(PoisonError::into_inner) = Wakers(parent.wakers);
}

fn sorted(numbers: impl Iterator<Item = RawFd>) -> Vec<RawFd> {
    let mut sorted: Vec<_> = numbers.collect();
    sorted.sort_unstable();
    sorted
}

/// Descriptors for which the parent has handles.
#[derive(Default)]
struct Handles {
    /// Whether there is a handle for 0.
    input: bool,
    /// Those of 1 and 2 with a pipe or socket handle. A terminal's handle has nothing pending.
    outputs: Vec<RawFd>,
    /// Stream sockets. A server has thousands. Their kind is known without asking the kernel.
    tcp: Numbers,
    udp: Vec<RawFd>,
    /// Descriptors this library watches: two for each clone of the parent that serves a client.
    watched: Numbers,
}

impl Handles {
    fn of(event_loop: Loop) -> Self {
        let mut handles = Self::default();
        event_loop.walk(note_handle, &mut handles);
        handles
    }
}

/// A set of descriptors.
#[derive(Default)]
struct Numbers(Vec<bool>);

impl Numbers {
    fn insert(&mut self, fd: RawFd) {
        let Ok(index) = usize::try_from(fd) else { return };
        if index >= self.0.len() {
            self.0.resize(index + 1, false);
        }
        self.0[index] = true;
    }

    fn iter(&self) -> impl Iterator<Item = RawFd> {
        (0..).zip(&self.0).filter_map(|(fd, is_in)| is_in.then_some(fd))
    }

    fn contains(&self, fd: RawFd) -> bool {
        usize::try_from(fd).is_ok_and(|index| self.0.get(index) == Some(&true))
    }
}

unsafe extern "C" fn note_handle(handle: *mut UvHandle, handles: *mut c_void) {
    // SAFETY: `Handles::of` passes a `Handles` that nothing else refers to during the walk.
    let handles = unsafe { &mut *handles.cast::<Handles>() };
    // SAFETY: uv_walk passes live handles.
    let kind = unsafe { uv::uv_handle_get_type(handle) };
    let Some(fd) = uv::descriptor(handle) else { return };
    match kind {
        handle_type::TCP => handles.tcp.insert(fd),
        handle_type::UDP => handles.udp.push(fd),
        _ => {}
    }
    if uv::is_own_poll(handle) {
        handles.watched.insert(fd);
    }
    match fd {
        libc::STDIN_FILENO => handles.input = true,
        libc::STDOUT_FILENO | libc::STDERR_FILENO
            if matches!(kind, handle_type::TCP | handle_type::NAMED_PIPE) =>
        {
            handles.outputs.push(fd);
        }
        _ => {}
    }
}

/// Exit status of a clone whose parent has ended. Nothing reads it.
const STATUS_OF_AN_ORPHAN: u8 = 1;

/// Returns whether a timer is for a delayed task of V8, rather than one of Node's own.
///
/// Such a task belongs to the parent. It is usually a garbage collection after eight idle seconds. It would
/// be due in all clones at the same time, and each would copy the heap for it.
///
/// Node keeps the timer inside the task's structure, close to its start, where the timer's data points
/// (`DelayedTask` in `node_platform.h`). No other timer's data is this close before the timer.
fn is_of_platform(timer: *mut UvHandle) -> bool {
    // SAFETY: uv_walk passes live handles.
    let data = unsafe { uv::uv_handle_get_data(timer) };
    let distance = timer.addr().wrapping_sub(data.addr());
    (1..=MOST_BEFORE_TIMER).contains(&distance)
}

/// Size of the task itself, and of fields that a later version may put in front of the timer, in bytes.
const MOST_BEFORE_TIMER: usize = 64;

/// Function that libuv calls when a JavaScript timer is due: `Environment::RunTimers` in Node's
/// `src/env.cc`. Null in a Node that does not export it.
static RUN_TIMERS: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Finds, in the parent, what clones must know about Node. Once is enough.
pub(crate) fn prepare() {
    let found = find_symbol(c"_ZN4node11Environment9RunTimersEP10uv_timer_s");
    RUN_TIMERS.store(found.unwrap_or(ptr::null_mut()), Ordering::Relaxed);
}

/// Returns whether a timer does work of the parent outside JavaScript.
///
/// The clone needs the one timer with which Node runs all JavaScript timers. The others belong to the
/// parent: V8's delayed tasks, queries of `dns.resolve` that a clone would send again,
/// `monitorEventLoopDelay`, which wakes its process a hundred times per second, and timers of addons.
fn is_of_parent(timer: *mut UvHandle) -> bool {
    let run_timers = RUN_TIMERS.load(Ordering::Relaxed);
    if run_timers.is_null() { is_of_platform(timer) } else { uv::timer_callback(timer) != run_timers }
}

/// Argument of [`quieten`].
struct OfParent<'a> {
    event_loop: Loop,
    /// Sorted.
    keep: &'a [RawFd],
    wakers: Vec<*mut UvHandle>,
}

/// Stops a handle of the parent from delivering anything and from keeping the loop alive, unless its
/// descriptor is one that the clone keeps.
///
/// JavaScript clears the parent's timers, immediates and signal listeners, which Node counts. Signals are
/// blocked until then.
unsafe extern "C" fn quieten(handle: *mut UvHandle, argument: *mut c_void) {
    Loop::forget_caught(handle);
    // SAFETY: uv_walk passes live handles.
    if unsafe { uv::uv_is_closing(handle) } != 0 {
        return;
    }
    // SAFETY: `silence_handles` passes an `OfParent` that nothing else refers to during the walk.
    let parent = unsafe { &mut *argument.cast::<OfParent>() };
    if uv::is_own_poll(handle) {
        parent.event_loop.forget_poll(handle);
        return;
    }
    if uv::descriptor(handle).is_some_and(|fd| parent.keep.binary_search(&fd).is_ok()) {
        return;
    }
    // SAFETY: uv_walk passes live handles.
    let kind = unsafe { uv::uv_handle_get_type(handle) };
    if kind == handle_type::ASYNC {
        // SAFETY: the handle is live and not closing.
        unsafe { uv::uv_ref(handle) };
        parent.wakers.push(handle);
        return;
    }
    if let Some(stop) = stop_of(kind, handle) {
        // SAFETY: the function is the one for handles of this type, and may be called in any state.
        unsafe { stop(handle) };
    }
    parent.event_loop.forget_requests(handle);
    // Node starts and stops an idle handle for its immediates, and never references it again. Code that
    // reads the parent's standard input must still receive the end of file here.
    if kind != handle_type::IDLE && uv::descriptor(handle) != Some(libc::STDIN_FILENO) {
        // SAFETY: the handle is live and not closing.
        unsafe { uv::uv_unref(handle) };
    }
}

type Stop = unsafe extern "C" fn(*mut UvHandle) -> c_int;

/// Returns libuv's function that stops a handle of this type, if the clone must stop it.
fn stop_of(kind: c_int, handle: *mut UvHandle) -> Option<Stop> {
    match kind {
        handle_type::TCP | handle_type::NAMED_PIPE | handle_type::TTY => Some(uv::uv_read_stop),
        handle_type::UDP => Some(uv::uv_udp_recv_stop),
        handle_type::POLL => Some(uv::uv_poll_stop),
        // This does not affect the parent's watch, since the inotify instance is inert by now. Without this
        // call, `uv_loop_fork` would start the watch again, and fail if the file is gone or the user has no
        // inotify instance left (`fs.inotify.max_user_instances`).
        handle_type::FS_EVENT => Some(uv::uv_fs_event_stop),
        handle_type::FS_POLL => Some(uv::uv_fs_poll_stop),
        handle_type::TIMER if is_of_parent(handle) => Some(uv::uv_timer_stop),
        _ => None,
    }
}

/// Handles that wake the parent's loop, including message ports. They stay referenced until
/// [`forget_wakers`], since Node lists only referenced handles.
static WAKERS: Mutex<Wakers> = Mutex::new(Wakers(Vec::new()));

struct Wakers(Vec<*mut UvHandle>);

// SAFETY: a clone's JavaScript runs on one thread, and only that thread takes the handles out.
unsafe impl Send for Wakers {}

/// Stops the parent's message ports and similar handles from keeping the clone's loop alive. Must be called
/// before the loop continues.
#[napi]
pub fn forget_wakers() {
    let wakers = std::mem::take(&mut WAKERS.lock().unwrap_or_else(PoisonError::into_inner).0);
    for handle in wakers {
        // SAFETY: the handle was live in this turn of this loop. A handle that has been closed since then is
        // not freed before a later turn.
        unsafe { uv::uv_unref(handle) };
    }
}

/// Makes exit(3), which Node's C++ calls on a fatal error, end the clone at once. Destructors of static
/// objects would join threads that do not exist here.
fn install_net() {
    #[cfg(target_env = "gnu")]
    {
        unsafe extern "C" {
            fn on_exit(function: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
        }
        extern "C" fn leave(status: c_int, _: *mut c_void) {
            qclone::exit(status.to_le_bytes()[0]);
        }
        // SAFETY: the function stays loaded, since Node does not unload the library of an addon in use.
        unsafe { on_exit(leave, ptr::null_mut()) };
    }
    #[cfg(not(target_env = "gnu"))]
    {
        extern "C" fn leave() {
            // The status is not known here. Node's status for an uncaught error is 1.
            qclone::exit(1);
        }
        // SAFETY: the function stays loaded, since Node does not unload the library of an addon in use.
        unsafe { libc::atexit(leave) };
    }
}
