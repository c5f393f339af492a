//! Loaded objects (the program and its shared libraries), by address.

use std::{
    ffi::{CStr, OsStr, c_int, c_void},
    ops::Range,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Objects that the dynamic linker has mapped, with the address ranges of their segments, including
/// zero-initialized data.
#[derive(Debug, Default)]
pub struct Modules {
    segments: Vec<Segment>,
    paths: Vec<PathBuf>,
    /// `None` before the first look: a static program counts 0 loads.
    generation: Option<u64>,
}

#[derive(Debug)]
struct Segment {
    range: Range<usize>,
    /// Index of its object's path.
    object: usize,
    writable: bool,
}

impl Modules {
    /// Updates the list. Costs almost nothing if no object was loaded or unloaded since the last update.
    pub fn refresh(&mut self) {
        let mut visit = Visit { modules: self, seen: 0, done: false };
        // SAFETY: the callback has the signature that dl_iterate_phdr(3) requires, and the pointer
        // is to `visit`, which outlives the call.
        unsafe { libc::dl_iterate_phdr(Some(visit_object), (&raw mut visit).cast()) };
        self.segments.sort_unstable_by_key(|segment| segment.range.start);
    }

    /// Returns the file of the object that contains `address`.
    #[must_use]
    pub fn of(&self, address: usize) -> Option<&Path> {
        Some(self.paths[self.segment(address)?.object].as_path())
    }

    /// Returns the writable segments of the object that contains `address`: its variables. Their first pages
    /// may have been made read-only after relocation.
    #[must_use]
    pub fn variables_beside(&self, address: usize) -> Vec<Range<usize>> {
        let object = self.segment(address).map(|segment| segment.object);
        let of_object = |segment: &&Segment| segment.writable && Some(segment.object) == object;
        self.segments.iter().filter(of_object).map(|segment| segment.range.clone()).collect()
    }

    fn segment(&self, address: usize) -> Option<&Segment> {
        let after = self.segments.partition_point(|segment| segment.range.start <= address);
        let segment = self.segments.get(after.checked_sub(1)?)?;
        segment.range.contains(&address).then_some(segment)
    }
}

struct Visit<'a> {
    modules: &'a mut Modules,
    seen: usize,
    done: bool,
}

/// Called by the dynamic linker for each object, under its lock. Allocates, and does not unwind.
unsafe extern "C" fn visit_object(info: *mut libc::dl_phdr_info, _size: usize, data: *mut c_void) -> c_int {
    // SAFETY: `refresh` passes a `Visit` that nothing else refers to during the call.
    let visit = unsafe { &mut *data.cast::<Visit<'_>>() };
    // SAFETY: dl_iterate_phdr(3) passes a valid structure to each call.
    let info = unsafe { &*info };
    if visit.seen == 0 {
        // The counters of loads and unloads only grow.
        let generation = Some(info.dlpi_adds + info.dlpi_subs);
        visit.done = generation == visit.modules.generation;
        if !visit.done {
            visit.modules.generation = generation;
            visit.modules.segments.clear();
            visit.modules.paths.clear();
        }
    }
    if visit.done {
        return 1;
    }
    visit.seen += 1;
    let name = if info.dlpi_name.is_null() {
        c""
    } else {
        // SAFETY: a name that is not null is a C string, and stays valid while the object is loaded.
        unsafe { CStr::from_ptr(info.dlpi_name) }
    };
    // The program itself has no name in glibc, and `/proc/self/exe` in a static program of musl.
    let path = if visit.seen == 1 && (name.is_empty() || name == c"/proc/self/exe") {
        std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"))
    } else {
        PathBuf::from(OsStr::from_bytes(name.to_bytes()))
    };
    let index = visit.modules.paths.len();
    visit.modules.paths.push(path);
    if info.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: `dlpi_phdr` points to `dlpi_phnum` program headers of the object.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    for header in headers.iter().filter(|header| header.p_type == libc::PT_LOAD) {
        let (Ok(base), Ok(offset), Ok(size)) = (
            usize::try_from(info.dlpi_addr),
            usize::try_from(header.p_vaddr),
            usize::try_from(header.p_memsz),
        ) else {
            continue;
        };
        let start = base.wrapping_add(offset);
        let range = start..start.saturating_add(size);
        let writable = header.p_flags & libc::PF_W != 0;
        visit.modules.segments.push(Segment { range, object: index, writable });
    }
    0
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU8;

    use super::Modules;

    static DATA: [u8; 64] = [1; 64];
    static VARIABLE: AtomicU8 = AtomicU8::new(1);

    #[test]
    fn finds_the_program_and_libc_and_nothing_on_the_heap() {
        let mut modules = Modules::default();
        modules.refresh();
        modules.refresh();
        let program = std::env::current_exe().unwrap();
        assert_eq!(modules.of(DATA.as_ptr().addr()), Some(program.as_path()));
        let libc = modules.of(libc::getpid as *const () as usize).unwrap();
        let is_static = cfg!(target_feature = "crt-static");
        assert!(is_static || libc.to_string_lossy().contains("libc"), "{libc:?}");
        let boxed = Box::new(0_u8);
        assert_eq!(modules.of((&raw const *boxed).addr()), None);
        assert_eq!(modules.of(0), None);
        assert_eq!(modules.of(usize::MAX), None);
    }

    #[test]
    fn finds_the_variables_of_the_object_that_holds_an_address() {
        let mut modules = Modules::default();
        modules.refresh();
        let function = (libc::getpid as *const ()).addr();
        let own = modules.variables_beside(DATA.as_ptr().addr());
        assert!(own.iter().any(|range| range.contains(&VARIABLE.as_ptr().addr())), "{own:x?}");
        assert!(!own.iter().any(|range| range.contains(&function)), "{own:x?}");
        assert!(modules.variables_beside(0).is_empty());
    }
}
