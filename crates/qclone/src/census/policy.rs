//! Verdicts on the threads of a census.

use crate::{
    census::thread::{Offender, Thread},
    error::{Error, Result},
    heap,
};

/// A [`Policy`]'s verdict on a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The thread is idle: it holds and changes nothing. The fork may proceed.
    AtRest,
    /// The thread is busy. The fork may succeed later. The text says what the thread is doing.
    Busy(String),
    /// The thread is unknown, or never idle. The text says what it seems to be.
    Foreign(String),
}

/// Judges the threads of a census.
///
/// A closure is a policy.
///
/// # Examples
///
/// ```
/// use qclone::{Forker, Policy, Thread, Verdict};
///
/// struct Pool {
///     name: &'static str,
/// }
///
/// impl Policy for Pool {
///     fn judge(&mut self, thread: &Thread) -> Verdict {
///         match (thread.name() == self.name, thread.wait.is_parked()) {
///             (true, true) => Verdict::AtRest,
///             (true, false) => Verdict::Busy("the pool at work".to_owned()),
///             (false, _) => Verdict::Foreign("not of the pool".to_owned()),
///         }
///     }
/// }
///
/// let mut policy = Pool { name: "pool" };
/// for thread in Forker::new().census()? {
///     println!("{}: {:?}", thread.tid, policy.judge(&thread));
/// }
/// # Ok::<(), qclone::Error>(())
/// ```
pub trait Policy {
    /// Judges `thread`.
    fn judge(&mut self, thread: &Thread) -> Verdict;

    /// Called before this process's mappings are read. Returns whether [`judge`](Self::judge) can tell
    /// later, from what is remembered here, whether a thread that is idle then has run in between.
    ///
    /// A thread that ran may have mapped memory, which the clone would lack. The default is false: all
    /// threads are then also judged before the mappings are read.
    fn remember_rest(&mut self) -> bool {
        false
    }

    /// Called right before fork(2), when every thread has been judged idle. From here on, only the calling
    /// thread changes this process.
    ///
    /// # Errors
    /// Any error prevents the fork.
    fn all_at_rest(&mut self) -> Result<()> {
        Ok(())
    }
}

impl<F: FnMut(&Thread) -> Verdict> Policy for F {
    fn judge(&mut self, thread: &Thread) -> Verdict {
        self(thread)
    }
}

/// The default policy: any other thread prevents the fork.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Policy for Alone {
    fn judge(&mut self, _: &Thread) -> Verdict {
        Verdict::Foreign("another thread".to_owned())
    }
}

/// Judges each thread, except the helper of [`heap`](crate::heap), which is idle during a fork. Fails with
/// the threads that prevent the fork.
pub(crate) fn judge(threads: &[Thread], policy: &mut dyn Policy) -> Result<()> {
    let offenders: Vec<_> = threads
        .iter()
        .filter(|thread| !heap::is_helper(thread.tid))
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
