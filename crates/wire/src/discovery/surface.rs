//! The served kinds, sorted into groups and versions.

use api::ResourceDef;

#[derive(Clone, Debug, Default)]
pub struct Surface<'a> {
    pub groups: Vec<Group<'a>>,
}

/// The first version is the preferred one.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    pub name: &'a str,
    pub versions: Vec<Version<'a>>,
}

/// Resources are sorted by name.
#[derive(Clone, Debug)]
pub struct Version<'a> {
    pub group: &'a str,
    pub name: &'a str,
    pub resources: Vec<&'a ResourceDef>,
}

impl<'a> Surface<'a> {
    pub fn new(defs: impl IntoIterator<Item = &'a ResourceDef>) -> Self {
        let mut surface = Self::default();
        for def in defs {
            surface.add(def);
        }
        for version in surface.groups.iter_mut().flat_map(|g| &mut g.versions) {
            version.resources.sort_by(|a, b| a.gvr.resource.cmp(&b.gvr.resource));
        }
        surface
    }

    fn add(&mut self, def: &'a ResourceDef) {
        let (group, version) = (def.gvr.group.as_str(), def.gvr.version.as_str());
        let at = self.groups.iter().position(|g| g.name == group).unwrap_or_else(|| {
            self.groups.push(Group { name: group, versions: Vec::new() });
            self.groups.len() - 1
        });
        let versions = &mut self.groups[at].versions;
        match versions.iter_mut().find(|v| v.name == version) {
            Some(found) => found.resources.push(def),
            None => versions.push(Version { group, name: version, resources: vec![def] }),
        }
    }

    pub fn versions(&self) -> impl Iterator<Item = &Version<'a>> {
        self.groups.iter().flat_map(|g| &g.versions)
    }
}

impl Version<'_> {
    /// `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.name.to_owned() } else { format!("{}/{}", self.group, self.name) }
    }
    /// `/api/v1` or `/apis/apps/v1`.
    pub fn path(&self) -> String {
        format!("/{}/{}", if self.group.is_empty() { "api" } else { "apis" }, self.api_version())
    }
}
