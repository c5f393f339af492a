//! Detection of setups in which the OOM killer also ends the parent when it kills a clone.
//!
//! The kernel's OOM killer kills one process, chosen by its `oom_score_adj`. But a control group can
//! require that all its processes are killed, and systemd stops a service when one of its processes was
//! killed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{procfs::read_text, resources::headroom::memberships};

/// Mechanism that ends this process when the OOM killer kills a clone of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SharedFate {
    /// The kernel: `memory.oom.group` is 1 in this control group, as in those of Kubernetes by default.
    Group(PathBuf),
    /// systemd: this service has `OOMPolicy=stop`, which is the default, or `kill`.
    Service(String),
}

/// Examines the control groups of this process. If the process belongs to a systemd service whose unit can
/// be read, also examines that unit.
///
/// See `memory.oom.group` in `Documentation/admin-guide/cgroup-v2.rst` of the kernel, `OOMPolicy=` in
/// `systemd.service(5)`, and `systemd.unit(5)` for the locations of units.
#[must_use]
pub fn shared_fate() -> Option<SharedFate> {
    below(Path::new("/"))
}

/// Does the same with another root, for tests.
fn below(root: &Path) -> Option<SharedFate> {
    let memberships = memberships(root);
    let whole = memberships
        .iter()
        .flat_map(|membership| membership.groups())
        .find(|group| read_text(&group.join("memory.oom.group")).is_ok_and(|text| text.trim() == "1"));
    if let Some(group) = whole {
        return Some(SharedFate::Group(group));
    }
    let service = memberships.iter().find_map(|membership| Service::of(&membership.path))?;
    let policy = service.oom_policy(root)?;
    (policy != "continue").then_some(SharedFate::Service(service.name))
}

/// A service of systemd.
struct Service {
    name: String,
    /// Whether it is a user's service, not the system's.
    is_of_user: bool,
}

impl Service {
    /// Finds the innermost service in the path of a control group.
    fn of(path: &Path) -> Option<Self> {
        let parts: Vec<_> = path.iter().filter_map(|part| part.to_str()).collect();
        let index = parts.iter().rposition(|part| part.ends_with(".service"))?;
        let is_of_user = parts[..index].iter().any(|part| part.starts_with("user@"));
        Some(Self { name: parts[index].to_owned(), is_of_user })
    }

    /// Returns its `OOMPolicy=`, or the default. `None` when there is no unit of that name, as in a container.
    fn oom_policy(&self, root: &Path) -> Option<String> {
        let manager = if self.is_of_user { "user" } else { "system" };
        let folders: Vec<_> = ["run/systemd/transient".to_owned()]
            .into_iter()
            .chain(FOLDERS.map(|folder| format!("{folder}/systemd/{manager}")))
            .map(|folder| root.join(folder))
            .collect();
        let names = [Some(self.name.clone()), self.template()];
        let names: Vec<_> = names.into_iter().flatten().collect();
        let files = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        let unit = files.filter_map(|file| read_text(&file).ok()).next()?;
        let mut additions: Vec<_> = names
            .iter()
            .flat_map(|name| folders.iter().map(move |folder| folder.join(format!("{name}.d"))))
            .filter_map(|folder| fs::read_dir(folder).ok())
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "conf"))
            .collect();
        // Files of all directories apply, in order of their names.
        additions.sort_by_key(|path| path.file_name().map(ToOwned::to_owned));
        let additions = additions.iter().filter_map(|path| read_text(path).ok());
        let text: String = [unit].into_iter().chain(additions).collect::<Vec<_>>().join("\n");
        let delegated =
            value_of(&text, "Delegate").is_some_and(|value| !["no", "false", "0", "off"].contains(&value));
        let default = if delegated { "continue" } else { "stop" };
        Some(value_of(&text, "OOMPolicy").unwrap_or(default).to_owned())
    }

    /// `name@.service`, for an instance `name@instance.service`.
    fn template(&self) -> Option<String> {
        let (name, _) = self.name.split_once('@')?;
        Some(format!("{name}@.service"))
    }
}

/// Directories below which systemd looks for units, in order of precedence. Transient units come first.
const FOLDERS: [&str; 5] = ["etc", "run", "usr/local/lib", "usr/lib", "lib"];

/// Returns the last value of `key` in a text. An empty value resets it.
fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let value = |line: &'a str| line.trim().strip_prefix(key)?.trim_start().strip_prefix('=');
    text.lines().filter_map(value).next_back().map(str::trim).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{SharedFate, below};
    use crate::resources::headroom::tests::Root;

    const UNIT: &str = "[Service]\nExecStart=/usr/bin/node x.js\n";

    fn fate(files: &[(&str, &str)]) -> Option<SharedFate> {
        let root = Root::new(files);
        below(&root.0).map(|fate| match fate {
            SharedFate::Group(path) => SharedFate::Group(path.strip_prefix(&root.0).unwrap().to_owned()),
            service => service,
        })
    }

    #[test]
    fn a_group_that_ends_as_a_whole_is_found_among_the_ancestors() {
        let expected = SharedFate::Group("sys/fs/cgroup/pod".into());
        let found = fate(&[
            ("proc/self/cgroup", "0::/pod/container\n"),
            ("sys/fs/cgroup/pod/memory.oom.group", "1\n"),
            ("sys/fs/cgroup/pod/container/memory.oom.group", "0\n"),
        ]);
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn nothing_is_shared_without_a_word_of_it() {
        assert_eq!(fate(&[]), None);
        assert_eq!(fate(&[("proc/self/cgroup", "0::/user.slice/session-1.scope\n")]), None);
        // A container sees the service of its runtime like this, without the unit.
        assert_eq!(fate(&[("proc/self/cgroup", "0::/system.slice/containerd.service/x\n")]), None);
    }

    #[test]
    fn a_service_is_stopped_unless_its_unit_says_otherwise() {
        let group = ("proc/self/cgroup", "0::/system.slice/app@1.service\n");
        let stopped = Some(SharedFate::Service("app@1.service".to_owned()));
        let unit = "etc/systemd/system/app@.service";
        assert_eq!(fate(&[group, (unit, UNIT)]), stopped);
        assert_eq!(fate(&[group, (unit, &format!("{UNIT}OOMPolicy=kill\n"))]), stopped);
        assert_eq!(fate(&[group, (unit, &format!("{UNIT}OOMPolicy = continue\n"))]), None);
        assert_eq!(fate(&[group, (unit, &format!("{UNIT}Delegate=yes\n"))]), None);
        let addition = ("run/systemd/system/app@1.service.d/oom.conf", "[Service]\nOOMPolicy=continue\n");
        assert_eq!(fate(&[group, (unit, UNIT), addition]), None);
        assert_eq!(fate(&[group, ("run/systemd/transient/app@1.service", UNIT)]), stopped);
        let later = ("etc/systemd/system/app@1.service.d/z.conf", "[Service]\nOOMPolicy=stop\n");
        assert_eq!(fate(&[group, (unit, UNIT), addition, later]), stopped);
    }

    #[test]
    fn a_user_s_service_has_its_unit_elsewhere() {
        let group = ("proc/self/cgroup", "0::/user.slice/user@1000.service/app.slice/app.service\n");
        let found = fate(&[group, ("usr/lib/systemd/user/app.service", UNIT)]);
        assert_eq!(found, Some(SharedFate::Service("app.service".to_owned())));
        assert_eq!(fate(&[group, ("usr/lib/systemd/system/app.service", UNIT)]), None);
    }
}
