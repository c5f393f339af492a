//! Blocking of all signals.

use nix::sys::signal::{SigSet, SigmaskHow, pthread_sigmask};

use crate::error::{Error, Result};

/// Blocks all signals of this thread until dropped.
#[derive(Debug)]
pub(crate) struct SignalsBlocked {
    before: SigSet,
}

impl SignalsBlocked {
    /// Blocks every signal that can be blocked. Async-signal-safe.
    pub(crate) fn all() -> Result<Self> {
        let mut before = SigSet::empty();
        pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before))
            .map_err(Error::syscall("pthread_sigmask(3)"))?;
        Ok(Self { before })
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // It fails only on an invalid argument.
        let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&self.before), None);
    }
}
