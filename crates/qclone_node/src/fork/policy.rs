//! Policy that decides whether a fork of Node is safe, and what prevents it.

use std::path::PathBuf;

use qclone::{Error, Forker, Policy, Thread, Verdict, fds};

use crate::{
    fork::{
        setup::{EarlierPipes, Inheritance},
        threads::{Attempt, Blocker, Judgement, NodeThreads},
    },
    uv::PlatformTasks,
};

/// Conditions of one attempt at a fork.
pub(crate) struct Circumstances<'a> {
    /// Names of files whose threads are accepted while they wait.
    pub(crate) vouch_for: &'a [String],
    /// V8's tasks, which must have run. `None` for a clone whose event loop does not continue.
    pub(crate) tasks: Option<PlatformTasks>,
    /// Whether the fork waits for callbacks of libuv's pool.
    pub(crate) untold: bool,
}

/// A refused fork.
pub(crate) struct Refusal {
    pub(crate) error: Error,
    /// Activity of each thread that prevents the fork, in the order of the census.
    blockers: Vec<Blocker>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, blockers: Vec::new() }
    }
}

impl Refusal {
    /// Returns whether every thread that prevents the fork may become idle.
    pub(crate) fn is_transient(&self) -> bool {
        self.all(|blocker| blocker != Blocker::Foreign)
    }

    /// Returns whether one more poll of the event loop may be enough.
    pub(crate) fn may_pass_soon(&self) -> bool {
        self.all(|blocker| matches!(blocker, Blocker::Untold | Blocker::TasksLeft))
    }

    /// Returns whether only libuv's pool prevents the fork. It runs out of work while this thread, which
    /// gives it work, is blocked.
    pub(crate) fn is_of_pool(&self) -> bool {
        self.all(|blocker| matches!(blocker, Blocker::Pool | Blocker::PerhapsPool | Blocker::Untold))
    }

    /// Returns whether only callbacks of libuv's pool prevent the fork.
    pub(crate) fn is_untold(&self) -> bool {
        self.all(|blocker| blocker == Blocker::Untold)
    }

    fn all(&self, is: impl Fn(Blocker) -> bool) -> bool {
        !self.blockers.is_empty() && self.blockers.iter().copied().all(is)
    }
}

/// Policy for Node: its threads are idle when they wait for work.
struct NodePolicy<'a> {
    threads: &'a NodeThreads,
    attempt: Attempt<'a>,
    tasks: Option<PlatformTasks>,
    blockers: Vec<Blocker>,
    earlier_pipes: Option<&'a EarlierPipes>,
    inheritance: Option<&'a mut Inheritance>,
}

/// Calls `act` with Node's policy. Right before a fork, the policy stores the open descriptors in
/// `inheritance`.
///
/// Also returns the files whose threads were vouched for.
pub(crate) fn attempt<T>(
    forker: &mut Forker,
    threads: &NodeThreads,
    circumstances: &Circumstances<'_>,
    earlier_pipes: Option<&EarlierPipes>,
    inheritance: Option<&mut Inheritance>,
    act: impl Fn(&mut Forker, &mut dyn Policy) -> qclone::Result<T>,
) -> Result<(T, Vec<PathBuf>), Refusal> {
    let &Circumstances { vouch_for, tasks, untold } = circumstances;
    let attempt = Attempt::new(vouch_for, untold);
    let blockers = Vec::new();
    let mut policy = NodePolicy { threads, attempt, tasks, blockers, earlier_pipes, inheritance };
    match act(forker, &mut policy) {
        Ok(done) => Ok((done, policy.attempt.vouched)),
        Err(error) => Err(Refusal { error, blockers: policy.blockers }),
    }
}

impl Policy for NodePolicy<'_> {
    fn judge(&mut self, thread: &Thread) -> Verdict {
        let judgement = match self.threads.judge(thread, &mut self.attempt) {
            // The census precedes the verdicts, and a thread that was idle in it posts no more tasks.
            Judgement::AtRest if self.tasks.is_some_and(PlatformTasks::pending) => {
                Judgement::InTheWay(Blocker::TasksLeft, TASKS_LEFT.to_owned())
            }
            judgement => judgement,
        };
        match judgement {
            Judgement::AtRest => Verdict::AtRest,
            Judgement::InTheWay(blocker, what) => {
                self.blockers.push(blocker);
                if blocker == Blocker::Foreign { Verdict::Foreign(what) } else { Verdict::Busy(what) }
            }
        }
    }

    fn remember_rest(&mut self) -> bool {
        self.threads.remember_rest(&mut self.attempt)
    }

    /// Lists the open descriptors. Earlier, a thread of the pool may have been opening a file. The list
    /// includes descriptors that the forker holds for itself, which the clone closes before it uses the list.
    fn all_at_rest(&mut self) -> qclone::Result<()> {
        if let Some(inheritance) = &mut self.inheritance {
            inheritance.descriptors = fds::runs()?;
            inheritance.earlier_pipes = self.earlier_pipes.map(EarlierPipes::now).unwrap_or_default();
        }
        Ok(())
    }
}

/// Reason for a refusal: a clone's loop would never run these tasks. A WebAssembly promise, for example
/// when `fetch` loads its parser, would never settle.
const TASKS_LEFT: &str = "idle, but V8 has tasks for the main thread that have not run yet";
