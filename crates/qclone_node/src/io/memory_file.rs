//! Files in memory, through which a clone hands its parent data that is too large for a pipe.

use std::{
    ffi::c_void,
    num::NonZeroUsize,
    os::fd::{BorrowedFd, IntoRawFd},
    ptr,
};

use napi::{
    Env, Error, Result,
    bindgen_prelude::{ArrayBuffer, FromNapiValue, Uint8Array},
    sys,
};
use napi_derive::napi;
use nix::errno::Errno;
use qclone::memfd::{self, Mapping};

use crate::convert::{ForkFailure, whole};

/// A file, or the reason why there is none.
#[napi(object)]
pub struct FileOutcome {
    /// Descriptor, close-on-exec.
    pub fd: Option<i32>,
    /// Reason why there is none.
    pub failure: Option<ForkFailure>,
}

/// Creates an empty file in memory.
#[napi]
pub fn open_memory_file() -> FileOutcome {
    match memfd::create() {
        Ok(file) => FileOutcome { fd: Some(file.into_raw_fd()), failure: None },
        Err(error) => FileOutcome { fd: None, failure: Some(error.into()) },
    }
}

/// Writes all of `bytes` to a file at `offset`.
#[napi]
pub fn write_at(fd: i32, offset: f64, bytes: Uint8Array) -> Result<()> {
    memfd::write_all_at(borrow(fd)?, whole(offset), &bytes).map_err(reason)
}

/// Maps `length` bytes of a file from `offset` as memory, without a copy. The offset must be a multiple of
/// the page size. The file must be long enough, and no longer be written to.
#[napi]
pub fn map_file(env: Env, fd: i32, offset: f64, length: f64) -> Result<ArrayBuffer<'static>> {
    unsafe extern "C" fn unmap(_: sys::napi_env, _: *mut c_void, mapping: *mut c_void) {
        // SAFETY: `map_file` boxed it, and Node calls this once.
        drop(unsafe { Box::from_raw(mapping.cast::<Mapping>()) });
    }
    let mut value = ptr::null_mut();
    let Some(length) = usize::try_from(whole(length)).ok().and_then(NonZeroUsize::new) else {
        let mut data = ptr::null_mut();
        // SAFETY: `env` is live during the call.
        check(unsafe { sys::napi_create_arraybuffer(env.raw(), 0, &raw mut data, &raw mut value) })?;
        // SAFETY: `value` is the array buffer that Node just created in this scope.
        return unsafe { ArrayBuffer::from_napi_value(env.raw(), value) };
    };
    let mapping = Box::new(Mapping::new(borrow(fd)?, whole(offset), length).map_err(reason)?);
    let address = mapping.address().as_ptr();
    let mapping = Box::into_raw(mapping);
    // SAFETY: the memory is valid until `unmap`, which is called when the buffer is collected.
    let status = unsafe {
        sys::napi_create_external_arraybuffer(
            env.raw(),
            address,
            length.get(),
            Some(unmap),
            mapping.cast(),
            &raw mut value,
        )
    };
    if status != sys::Status::napi_ok {
        // A Node whose V8 has a sandbox accepts only its own memory.
        // SAFETY: boxed above, and Node has not taken it.
        let mapping = unsafe { Box::from_raw(mapping) };
        let mut data = ptr::null_mut();
        // SAFETY: `env` is live during the call.
        check(unsafe {
            sys::napi_create_arraybuffer(env.raw(), length.get(), &raw mut data, &raw mut value)
        })?;
        // SAFETY: both are valid for `length` bytes, and do not overlap.
        unsafe {
            ptr::copy_nonoverlapping(mapping.address().as_ptr().cast::<u8>(), data.cast(), length.get())
        };
    }
    // SAFETY: `value` is the array buffer that Node just created in this scope.
    unsafe { ArrayBuffer::from_napi_value(env.raw(), value) }
}

fn borrow<'a>(fd: i32) -> Result<BorrowedFd<'a>> {
    if fd < 0 {
        return Err(Error::from_reason(Errno::EBADF.to_string()));
    }
    // SAFETY: the number is not negative, and nothing closes it during the call. A number that is not open
    // results in an error.
    Ok(unsafe { BorrowedFd::borrow_raw(fd) })
}

fn reason(error: qclone::Error) -> Error {
    Error::from_reason(error.to_string())
}

fn check(status: sys::napi_status) -> Result<()> {
    if status == sys::Status::napi_ok {
        Ok(())
    } else {
        Err(Error::from_reason("napi_create_arraybuffer failed"))
    }
}
