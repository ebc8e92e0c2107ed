//! Groups, versions, kinds and resources, written the way Kubernetes writes them.

use std::fmt;

macro_rules! triple {
    ($(#[$doc:meta])* $name:ident { $($field:ident),* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name { $(pub $field: String),* }
        impl $name {
            pub fn new($($field: impl Into<String>),*) -> Self { Self { $($field: $field.into()),* } }
        }
    };
}

triple!(/// `apps/v1`; the core group is the empty string.
    GroupVersion { group, version });
triple!(/// `apps/v1, Kind=Deployment`.
    Gvk { group, version, kind });
triple!(/// `apps/v1, Resource=deployments`; `resource` is the lower-case plural.
    Gvr { group, version, resource });
triple!(/// `Deployment.apps`.
    GroupKind { group, kind });
triple!(/// `deployments.apps`.
    GroupResource { group, resource });

impl GroupVersion {
    /// Parses `v1` or `apps/v1`.
    pub fn parse(api_version: &str) -> Option<Self> {
        match api_version.split_once('/') {
            None if !api_version.is_empty() => Some(Self::new("", api_version)),
            Some((group, version)) if !group.is_empty() && !version.is_empty() && !version.contains('/') => {
                Some(Self::new(group, version))
            }
            _ => None,
        }
    }
}

fn join(f: &mut fmt::Formatter<'_>, first: &str, separator: char, group: &str) -> fmt::Result {
    f.write_str(first)?;
    if group.is_empty() { Ok(()) } else { write!(f, "{separator}{group}") }
}

impl fmt::Display for GroupVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() { f.write_str(&self.version) } else { write!(f, "{}/{}", self.group, self.version) }
    }
}
impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(f, &self.kind, '.', &self.group)
    }
}
impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(f, &self.resource, '.', &self.group)
    }
}
impl Gvk {
    pub fn group_version(&self) -> GroupVersion {
        GroupVersion::new(&*self.group, &*self.version)
    }
    pub fn group_kind(&self) -> GroupKind {
        GroupKind::new(&*self.group, &*self.kind)
    }
    pub fn api_version(&self) -> String {
        self.group_version().to_string()
    }
}
impl Gvr {
    pub fn group_resource(&self) -> GroupResource {
        GroupResource::new(&*self.group, &*self.resource)
    }
    pub fn api_version(&self) -> String {
        GroupVersion::new(&*self.group, &*self.version).to_string()
    }
}
