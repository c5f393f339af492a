//! What a clone does natively before JavaScript goes on: it lets go of everything that is its
//! parent's, so that neither side feels the other.

use std::ffi::{CStr, CString, c_int, c_void};
use std::ops::Range;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering},
};

use napi_derive::napi;
use qclone::{
    CloneSide,
    fds::{self, Fate},
    give_way::give_way_to,
    limits::{self, Limit},
    signals,
};

use crate::{
    addresses, loop_end, random,
    uv::{self, Loop, UvHandle, handle_type},
};

/// What the clone is to keep.
pub(crate) struct Inheritance {
    /// Descriptors open before the fork, in runs: those opened by it belong to the clone.
    pub(crate) descriptors: Vec<Range<RawFd>>,
    /// Pipes among them, by [`EarlierPipes::now`].
    pub(crate) earlier_pipes: Vec<(RawFd, Option<(u64, u64)>)>,
    /// Descriptors that stay as they are, with the handles on them, beside 0, 1 and 2.
    pub(crate) keep: Vec<RawFd>,
    /// For 0, 1 and 2.
    pub(crate) standard: [Standard; 3],
    pub(crate) rank: Rank,
    pub(crate) title: CString,
    /// Whether the clone may outlive its parent.
    pub(crate) detached: bool,
    /// Whether it ignores signals to end that its parent did not send.
    pub(crate) heeds_parent_only: bool,
    pub(crate) parent: i32,
}

/// What becomes of a standard stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standard {
    /// It is the parent's.
    Inherit,
    /// Nothing is read, and what is written is lost.
    Ignore,
    /// It is what is open at this descriptor.
    Of(RawFd),
}

/// How the system is to rank the clone, and what it is to bound it by.
pub(crate) struct Rank {
    pub(crate) niceness: Option<i32>,
    pub(crate) idle: bool,
    /// Whether it gives way to a parent that is kept waiting.
    pub(crate) gives_way: bool,
    pub(crate) oom_score_adj: Option<i32>,
    pub(crate) affinity: Option<Vec<u32>>,
    pub(crate) limits: Vec<(Limit, u64)>,
}

impl Rank {
    /// Applies all but the limits.
    ///
    /// Niceness and the like are asked for on behalf of others. A system that does not let a process
    /// change them (a sandbox, or one that was given less than its parent) is left to rank it.
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

    /// Applies the limits. Last of all: what the clone needs to be set up is not to fail by them.
    pub(crate) fn limit(&self) -> qclone::Result<()> {
        self.limits.iter().try_for_each(|&(limit, soft)| {
            // A second for who handles SIGXCPU.
            let margin = u64::from(limit == Limit::CpuSeconds);
            limits::set_limit(limit, soft, soft.saturating_add(margin))
        })
    }
}

impl Inheritance {
    /// Pipes that were closed and opened again during the fork.
    fn new_pipes(&self) -> impl Iterator<Item = RawFd> {
        let is_new = |&&(pipe, before): &&(RawFd, _)| before != fds::identity(pipe);
        self.earlier_pipes.iter().filter(is_new).map(|&(pipe, _)| pipe)
    }
}

/// Pipes that were open before this process's first fork, among them the one by which libuv's signal
/// handling locks. In a child libuv makes that one anew, in a handler that fork(2) runs, and most
/// often at the same numbers: it is the child's own, and must stay.
#[derive(Debug)]
pub(crate) struct EarlierPipes(Vec<RawFd>);

impl EarlierPipes {
    pub(crate) fn find(event_loop: Loop) -> qclone::Result<Self> {
        let tcp = Handles::of(event_loop).tcp;
        let is_pipe = |&fd: &RawFd| !tcp.contains(fd) && matches!(fds::kind(fd), fds::Kind::Pipe { .. });
        Ok(Self(fds::runs()?.into_iter().flatten().filter(is_pipe).collect()))
    }

    /// What is open at these numbers now.
    pub(crate) fn now(&self) -> Vec<(RawFd, Option<(u64, u64)>)> {
        self.0.iter().map(|&fd| (fd, fds::identity(fd))).collect()
    }
}

/// Requests of the parent that were under way at the fork and will never complete here: those of the
/// thread pool, and of handles being closed.
static REQUESTS_OF_PARENT: AtomicU32 = AtomicU32::new(0);

/// Whether this clone ignores signals to end that its parent did not send.
static HEEDS_PARENT_ONLY: AtomicBool = AtomicBool::new(false);

/// What stands for the stream sockets of the parent's in this clone.
static MUTE_STREAM: Mutex<Option<(u64, u64)>> = Mutex::new(None);

/// Whether `fd` was a stream socket of the parent's, and is dead in this clone. By what is open there now:
/// false of one that the clone keeps, and of a number that it has used again.
#[napi]
pub fn is_dead_connection(fd: i32) -> bool {
    let dead = *MUTE_STREAM.lock().unwrap_or_else(PoisonError::into_inner);
    dead.is_some() && fds::identity(fd) == dead
}

/// The clone's side of its fork, for as long as signals are blocked.
static SIDE: Mutex<Option<CloneSide>> = Mutex::new(None);

/// Lets signals through, once the listeners for them are the clone's own.
#[napi]
pub fn unblock_signals() {
    ignore_what_node_ignores();
    if HEEDS_PARENT_ONLY.load(Ordering::Relaxed) {
        // It fails for no signal that there is.
        let _ = signals::heed_parent_only();
    } else {
        signals::heed_everybody();
    }
    drop(SIDE.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// Node ignores these from its start (`PlatformInit` in `src/node.cc`). The end of the parent's
/// listener for one has left it at its default, and a write to a closed connection would end the
/// clone.
fn ignore_what_node_ignores() {
    for signal in [libc::SIGPIPE, libc::SIGXFSZ] {
        // SAFETY: all zeroes is a valid value of this structure of integers and nullable pointers.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: there is room for what is written.
        unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
        if action.sa_sigaction == libc::SIG_DFL {
            // SAFETY: no handler is set, and the signal is blocked still.
            unsafe { libc::signal(signal, libc::SIG_IGN) };
        }
    }
}

/// Sets the clone up. Signals stay blocked until [`unblock_signals`].
///
/// Gives 1 and 2, as far as the parent has handles on them that are a pipe's or a socket's, which are
/// dead, as what they still have to write is the parent's, and as far as they lead elsewhere now.
///
/// # Errors
/// What went wrong, in words. The clone must end then: it may still hold the parent's things.
pub(crate) fn settle(
    side: CloneSide,
    event_loop: Loop,
    inheritance: &Inheritance,
) -> Result<Vec<RawFd>, String> {
    let text = |error: qclone::Error| error.to_string();
    if inheritance.detached {
        // It cannot lead a process group yet, having been born a moment ago.
        nix::unistd::setsid().map_err(|errno| format!("setsid(2): {errno}"))?;
    } else if !limits::die_with_parent(inheritance.parent, libc::SIGKILL).map_err(text)? {
        // Its parent has ended meanwhile: as it would by the signal.
        qclone::exit(STATUS_OF_AN_ORPHAN);
    }
    inheritance.rank.apply(inheritance.parent).map_err(text)?;
    // What `process.title` gives and sets. It fails where node was started without any name.
    // SAFETY: a string that ends, which is copied.
    unsafe { uv::uv_set_process_title(inheritance.title.as_ptr()) };
    let Handles { input: has_input, mut outputs, tcp, udp, watched } = Handles::of(event_loop);
    addresses::remember(sorted(tcp.iter().chain(udp)).into_iter());
    event_loop.drop_untold();
    // First the descriptors. The old epoll instance is shared with the parent, and from here on its
    // number is a fresh one, so that nothing libuv does below can reach it.
    let left = sorted(inheritance.keep.iter().copied().chain(inheritance.new_pipes()));
    let fate = |fd: RawFd| match fd {
        libc::STDIN_FILENO..=libc::STDERR_FILENO => Fate::Keep,
        _ if left.binary_search(&fd).is_ok() => Fate::Keep,
        _ if tcp.contains(fd) => Fate::MuteStream,
        _ if watched.contains(fd) => Fate::Unused,
        _ => Fate::Mute,
    };
    // Before the descriptors that they are to be lose what is open there.
    for (fd, standard) in (libc::STDOUT_FILENO..).zip(&inheritance.standard[1..]) {
        let source = match *standard {
            Standard::Inherit => continue,
            Standard::Ignore => None,
            Standard::Of(source) => Some(source),
        };
        // SAFETY: this is the clone, and nothing in it has used a descriptor yet. Node's and libuv's
        // objects know theirs by number alone.
        unsafe { fds::redirect(fd, source) }.map_err(text)?;
        if !outputs.contains(&fd) {
            outputs.push(fd);
        }
    }
    let input = libc::STDIN_FILENO;
    match inheritance.standard[0] {
        Standard::Inherit => Ok(()),
        // SAFETY: as above.
        Standard::Ignore => unsafe { fds::redirect_to_end(input, has_input) },
        // SAFETY: as above.
        Standard::Of(source) => unsafe { fds::redirect(input, Some(source)) },
    }
    .map_err(text)?;
    let descriptors = inheritance.descriptors.iter().cloned().flatten();
    // SAFETY: this is the clone, and nothing in it has used a descriptor yet. Node's and libuv's
    // objects know theirs by number alone.
    let replaced = unsafe { fds::make_inert(descriptors, &fate) }.map_err(text)?;
    *MUTE_STREAM.lock().unwrap_or_else(PoisonError::into_inner) = replaced.mute_stream;
    // The handles of a standard stream that leads elsewhere now are not kept, whatever was asked for.
    let leads_elsewhere = |fd: &RawFd| {
        (0_i32..).zip(&inheritance.standard).any(|(of, how)| of == *fd && *how != Standard::Inherit)
    };
    let keep = sorted(inheritance.keep.iter().copied().filter(|fd| !leads_elsewhere(fd)));
    let mut parent = OfParent { event_loop, keep: &keep, wakers: Vec::new() };
    event_loop.walk(quieten, &mut parent);
    *WAKERS.lock().unwrap_or_else(PoisonError::into_inner) = Wakers(parent.wakers);
    event_loop.fork().map_err(|error| format!("uv_loop_fork: {}", error.reason))?;
    loop_end::keep_going().map_err(|error| error.reason.clone())?;
    REQUESTS_OF_PARENT.store(event_loop.requests(), Ordering::Relaxed);
    install_net();
    HEEDS_PARENT_ONLY.store(inheritance.heeds_parent_only, Ordering::Relaxed);
    random::refill().map_err(|error| error.reason.clone())?;
    *SIDE.lock().unwrap_or_else(PoisonError::into_inner) = Some(side);
    Ok(outputs)
}

fn sorted(numbers: impl Iterator<Item = RawFd>) -> Vec<RawFd> {
    let mut sorted: Vec<_> = numbers.collect();
    sorted.sort_unstable();
    sorted
}

/// What the parent has handles on.
#[derive(Default)]
struct Handles {
    /// Whether there is one on 0.
    input: bool,
    /// 1 and 2, where there is one of a pipe or a socket. Those of a terminal have nothing pending.
    outputs: Vec<RawFd>,
    /// Stream sockets: a server has thousands, and the kernel need not say what they are.
    tcp: Numbers,
    udp: Vec<RawFd>,
    /// What this library itself watches, two for each clone of the parent's that serves a client.
    watched: Numbers,
}

impl Handles {
    fn of(event_loop: Loop) -> Self {
        let mut handles = Self::default();
        event_loop.walk(note_handle, &mut handles);
        handles
    }
}

/// A set of numbers of descriptors.
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
    // SAFETY: `Handles::of` passes them.
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

/// Nobody is there to see it.
const STATUS_OF_AN_ORPHAN: u8 = 1;

/// Whether anything that the clone began itself keeps its loop going.
pub(crate) fn loop_is_alive(event_loop: Loop) -> bool {
    event_loop.is_alive(REQUESTS_OF_PARENT.load(Ordering::Relaxed))
}

/// Whether libuv's thread pool has work for the loop that has not been told of: not begun, under way, or
/// done. Looks at each handle when there is any request under way, to tell those of the pool.
pub(crate) fn has_work_in_pool(event_loop: Loop) -> bool {
    let own = event_loop.requests().saturating_sub(REQUESTS_OF_PARENT.load(Ordering::Relaxed));
    own > 0 && own > event_loop.requests_of_handles()
}

/// Whether a timer is for a task that V8 wants done later, and not one of node's own.
///
/// Such a task is the parent's: most often it is to collect garbage when nothing has happened for
/// eight seconds. It would be due in all clones at once, and each would copy the heap for it.
///
/// Node has the timer in the structure of the task, close behind its begin, where its data points
/// (`DelayedTask` in `node_platform.h`). No other timer's data lies so close before it.
fn is_of_platform(timer: *mut UvHandle) -> bool {
    // SAFETY: a live handle, as uv_walk passes them.
    let data = unsafe { uv::uv_handle_get_data(timer) };
    let distance = timer.addr().wrapping_sub(data.addr());
    (1..=MOST_BEFORE_TIMER).contains(&distance)
}

/// Bytes: the task itself, and what a later version may put beside it.
const MOST_BEFORE_TIMER: usize = 64;

/// What c-ares has called when a query of `dns.resolve` and its like may be late: `ChannelWrap::AresTimeout` in Node's
/// `src/cares_wrap.cc`. Null in a Node that does not export it.
static LATE_QUERY: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Finds, in the parent, what clones are to know of Node. Once is enough.
pub(crate) fn prepare() {
    const NAME: &CStr = c"_ZN4node10cares_wrap11ChannelWrap11AresTimeoutEP10uv_timer_s";
    // SAFETY: the name is a string that ends.
    LATE_QUERY.store(unsafe { libc::dlsym(libc::RTLD_DEFAULT, NAME.as_ptr()) }, Ordering::Relaxed);
}

/// Whether a timer is for queries of DNS. Those are the parent's: it would send them again, and tell of their end.
fn is_of_channel(timer: *mut UvHandle) -> bool {
    let late_query = LATE_QUERY.load(Ordering::Relaxed);
    !late_query.is_null() && uv::timer_callback(timer) == late_query
}

/// What [`quieten`] is to know.
struct OfParent<'a> {
    event_loop: Loop,
    /// In ascending order.
    keep: &'a [RawFd],
    wakers: Vec<*mut UvHandle>,
}

/// Stops a handle of the parent's from delivering anything, and from keeping the loop going, unless
/// it is on a descriptor that the clone keeps.
///
/// What the parent's JavaScript set to run once or every turn (timers, immediates) is JavaScript's to
/// clear, and so are its listeners for signals, which node counts: until then signals are blocked.
unsafe extern "C" fn quieten(handle: *mut UvHandle, argument: *mut c_void) {
    Loop::forget_caught(handle);
    // SAFETY: uv_walk passes live handles.
    if unsafe { uv::uv_is_closing(handle) } != 0 {
        return;
    }
    // SAFETY: `settle` passes it.
    let parent = unsafe { &mut *argument.cast::<OfParent>() };
    if uv::is_own_poll(handle) {
        parent.event_loop.forget_poll(handle);
        return;
    }
    if uv::descriptor(handle).is_some_and(|fd| parent.keep.binary_search(&fd).is_ok()) {
        return;
    }
    // SAFETY: as above.
    let kind = unsafe { uv::uv_handle_get_type(handle) };
    if kind == handle_type::ASYNC {
        // SAFETY: as above.
        unsafe { uv::uv_ref(handle) };
        parent.wakers.push(handle);
        return;
    }
    let stop: Option<unsafe extern "C" fn(*mut UvHandle) -> c_int> = match kind {
        handle_type::TCP | handle_type::NAMED_PIPE | handle_type::TTY => Some(uv::uv_read_stop),
        handle_type::UDP => Some(uv::uv_udp_recv_stop),
        handle_type::POLL => Some(uv::uv_poll_stop),
        // Not the parent's watch: the inotify instance that this asks is inert by now. `uv_loop_fork`
        // would begin it again, and fail, where the file is gone by now or the user has as many such
        // instances as may be (`fs.inotify.max_user_instances`).
        handle_type::FS_EVENT => Some(uv::uv_fs_event_stop),
        handle_type::FS_POLL => Some(uv::uv_fs_poll_stop),
        handle_type::TIMER if is_of_platform(handle) || is_of_channel(handle) => Some(uv::uv_timer_stop),
        _ => None,
    };
    if let Some(stop) = stop {
        // SAFETY: each function is the one for this type of handle, and may be called in any state.
        unsafe { stop(handle) };
    }
    parent.event_loop.forget_requests(handle);
    // Node's immediates keep the loop going by an idle handle that it starts and stops, and never
    // references again. Whoever reads standard input here, by a stream of the parent's that is at its
    // end, is to be told so.
    if kind != handle_type::IDLE && uv::descriptor(handle) != Some(libc::STDIN_FILENO) {
        // SAFETY: as above.
        unsafe { uv::uv_unref(handle) };
    }
}

/// Handles by which the parent's loop is woken, message ports among them. They are referenced until
/// [`forget_wakers`], as node lists only such handles.
static WAKERS: Mutex<Wakers> = Mutex::new(Wakers(Vec::new()));

struct Wakers(Vec<*mut UvHandle>);

// SAFETY: a clone's JavaScript runs on one thread, the only one that takes them out.
unsafe impl Send for Wakers {}

/// Lets message ports and the like of the parent's no longer keep the clone's loop going. To be called
/// before the loop goes on.
#[napi]
pub fn forget_wakers() {
    let wakers = std::mem::take(&mut WAKERS.lock().unwrap_or_else(PoisonError::into_inner).0);
    for handle in wakers {
        // SAFETY: a handle of this loop that was live in this turn. One that has been closed since is freed
        // in a later turn at the earliest.
        unsafe { uv::uv_unref(handle) };
    }
}

/// Makes exit(3), which node's C++ calls on a fatal error, end the clone at once: the destructors
/// of static objects would join threads that do not exist here.
fn install_net() {
    #[cfg(target_env = "gnu")]
    {
        unsafe extern "C" {
            fn on_exit(function: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
        }
        extern "C" fn leave(status: c_int, _: *mut c_void) {
            qclone::exit(status.to_le_bytes()[0]);
        }
        // SAFETY: the function stays loaded, as node never unloads an addon's library in use.
        unsafe { on_exit(leave, std::ptr::null_mut()) };
    }
    #[cfg(not(target_env = "gnu"))]
    {
        extern "C" fn leave() {
            // What the status was cannot be known here. Node's own for an uncaught error is 1.
            qclone::exit(1);
        }
        // SAFETY: as above.
        unsafe { libc::atexit(leave) };
    }
}
