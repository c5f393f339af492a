//! V8 flags that a clone sets without V8's knowledge.
//!
//! V8 keeps a hash of all flags in each code cache, and rejects a cache with another hash. If a clone set
//! a flag through V8's API, it would recompile code for which Node and its packages have caches, and no
//! other process would accept the caches it writes. The flags that a clone needs do not change code. So
//! the clone writes their variables itself, and V8's computed hash stays.
//!
//! V8 reveals where the variable of a flag is: it is the one byte among V8's variables that changes with
//! the flag (V8's src/flags/flags.cc; each boolean flag is a `bool`).

use std::{
    ffi::{CStr, CString, c_char, c_void},
    ops::Range,
    ptr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

use napi_derive::napi;
use qclone::{Modules, peek};

use crate::symbol::find_symbol;

/// `v8::V8::SetFlagsFromString`, which resets V8's hash of the flags when one changes.
const SET_FLAGS: &CStr = c"_ZN2v82V818SetFlagsFromStringEPKc";
/// `v8::ScriptCompiler::CachedDataVersionTag`, which computes the hash if it was reset.
const VERSION_TAG: &CStr = c"_ZN2v814ScriptCompiler20CachedDataVersionTagEv";

const ON: u8 = 1;
const OFF: u8 = 0;

/// A boolean V8 flag.
struct Flag {
    name: String,
    /// `None` if it was not found.
    variable: Option<&'static AtomicU8>,
    /// Value before it was set quietly. `None` while the flag has the value that V8 knows.
    known_as: Option<u8>,
}

static FLAGS: Mutex<Vec<Flag>> = Mutex::new(Vec::new());

/// Unsets a flag right before a fork, like [`unset_quietly`]. Also does work that clones then need not do:
/// finds the flag's variable, once per process, and computes V8's hash of the flags.
#[napi]
pub fn unset_for_fork(name: String) -> bool {
    // Finding the variable resets the hash: V8 sets the flag several times, and finally to its old value.
    with_flag(&name, |_| ());
    settle_flag_hash();
    unset_quietly(name)
}

/// Unsets a flag without changing V8's hash of the flags. Returns false, with nothing changed, if its
/// variable is unknown.
#[napi]
pub fn unset_quietly(name: String) -> bool {
    let unset = |flag: &mut Flag| {
        let Some(variable) = flag.variable else { return false };
        let was = variable.swap(OFF, Ordering::Relaxed);
        flag.known_as.get_or_insert(was);
        true
    };
    with_flag(&name, unset).unwrap_or(false)
}

/// Restores a flag that was set quietly to the value that V8 knows.
#[napi]
pub fn restore_flag(name: String) {
    let restore = |flag: &mut Flag| {
        if let (Some(variable), Some(known_as)) = (flag.variable, flag.known_as.take()) {
            variable.store(known_as, Ordering::Relaxed);
        }
    };
    with_flag(&name, restore);
}

/// Makes V8 compute the hash of its flags, if it was reset, as if no flag had been set quietly.
#[napi]
pub fn settle_flag_hash() {
    let Some(v8) = V8::find().filter(|_| qclone::is_main_thread()) else { return };
    let flags = FLAGS.lock().unwrap_or_else(PoisonError::into_inner);
    let quiet = || flags.iter().filter_map(|flag| Some((flag.variable?, flag.known_as?)));
    for (variable, known_as) in quiet() {
        variable.store(known_as, Ordering::Relaxed);
    }
    v8.hash();
    for (variable, _) in quiet() {
        variable.store(OFF, Ordering::Relaxed);
    }
}

fn with_flag<T>(name: &str, act: impl FnOnce(&mut Flag) -> T) -> Option<T> {
    if !qclone::is_main_thread() {
        return None;
    }
    let mut flags = FLAGS.lock().unwrap_or_else(PoisonError::into_inner);
    let index = flags.iter().position(|flag| flag.name == name).unwrap_or_else(|| {
        let variable = V8::find().and_then(|v8| v8.variable_of(name));
        flags.push(Flag { name: name.to_owned(), variable, known_as: None });
        flags.len() - 1
    });
    Some(act(&mut flags[index]))
}

/// Functions that V8 exports.
struct V8 {
    set_flags: SetFlags,
    version_tag: VersionTag,
}

type SetFlags = unsafe extern "C" fn(flags: *const c_char);
type VersionTag = unsafe extern "C" fn() -> u32;

impl V8 {
    fn find() -> Option<Self> {
        let (set_flags, version_tag) = (find_symbol(SET_FLAGS)?, find_symbol(VERSION_TAG)?);
        // SAFETY: the mangled name states the parameters, and v8-initialization.h of Node 20 to 26 states the
        // result.
        let set_flags = unsafe { std::mem::transmute::<*mut c_void, SetFlags>(set_flags) };
        // SAFETY: v8-script.h of Node 20 to 26 declares a static method without parameters that returns a
        // `uint32_t`.
        let version_tag = unsafe { std::mem::transmute::<*mut c_void, VersionTag>(version_tag) };
        Some(Self { set_flags, version_tag })
    }

    /// Returns V8's hash of its flags and of everything else a code cache depends on. V8 computes it if it was
    /// reset.
    fn hash(&self) -> u32 {
        // SAFETY: a static method without parameters, called on V8's main thread.
        unsafe { (self.version_tag)() }
    }

    fn set(&self, name: &str, value: u8) {
        let argument = if value == ON { format!("--{name}") } else { format!("--no-{name}") };
        let Ok(argument) = CString::new(argument) else { return };
        // SAFETY: a static method, called on V8's main thread with a C string that it only reads.
        unsafe { (self.set_flags)(argument.as_ptr()) };
    }

    /// Finds the one byte among V8's variables that changes with the flag.
    fn variable_of(&self, name: &str) -> Option<&'static AtomicU8> {
        let variables = Variables::beside((self.set_flags as *const ()).addr());
        let (hash, before) = (self.hash(), variables.copy());
        let [off, on] = [OFF, ON].map(|value| {
            self.set(name, value);
            variables.copy()
        });
        let mut followers: Vec<usize> = off
            .iter()
            .zip(&on)
            .enumerate()
            .filter(|(_, pair)| *pair == (&OFF, &ON))
            .map(|(i, _)| i)
            .collect();
        for value in [OFF, ON] {
            self.set(name, value);
            followers.retain(|&index| peek_byte(variables.address(index)) == Some(value));
        }
        let index = <[usize; 1]>::try_from(followers).ok().map(|[index]| index);
        // SAFETY: V8 just wrote this byte, in an object that is never unloaded. Its other threads only read
        // flags, and reading a `bool` is one access.
        let byte = index.map(|index| unsafe {
            AtomicU8::from_ptr(ptr::with_exposed_provenance_mut(variables.address(index)))
        });
        // If this byte is the flag's variable, V8 finds the flag unset and sets it.
        let proven = byte.filter(|byte| {
            byte.store(OFF, Ordering::Relaxed);
            self.set(name, ON);
            byte.load(Ordering::Relaxed) == ON
        });
        self.set(name, OFF);
        let was_on = index.map_or_else(|| self.hash() != hash, |index| before[index] == ON);
        if was_on {
            self.set(name, ON);
        }
        proven
    }
}

/// Variables of a loaded object.
struct Variables(Vec<Range<usize>>);

impl Variables {
    fn beside(address: usize) -> Self {
        let mut modules = Modules::default();
        modules.refresh();
        Self(modules.variables_beside(address))
    }

    /// Copies their bytes, segment by segment. Unreadable bytes are 0.
    fn copy(&self) -> Vec<u8> {
        let mut copy = Vec::new();
        for segment in &self.0 {
            let begin = copy.len();
            copy.resize(begin + segment.len(), 0);
            let _ = peek(segment.start, &mut copy[begin..]);
        }
        copy
    }

    /// Returns the address of the byte at `index` in a copy.
    fn address(&self, index: usize) -> usize {
        let mut left = index;
        for segment in &self.0 {
            if left < segment.len() {
                return segment.start + left;
            }
            left -= segment.len();
        }
        0
    }
}

fn peek_byte(address: usize) -> Option<u8> {
    let mut byte = [0];
    (peek(address, &mut byte) == 1).then_some(byte[0])
}
