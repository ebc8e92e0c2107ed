//! What a kind adds to the facts of its schema.

use crate::def::{Conversion, Generation, Hooks, Indexed, ScalePaths};
use meta::names;

/// One kind in one served version. Built with `const` functions so that the list of kinds is plain data.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// `v1`, `apps/v1`.
    pub api_version: &'static str,
    pub kind: &'static str,
    pub hooks: Hooks,
    pub selectable: &'static [&'static str],
    pub indexed: &'static [Indexed],
    pub scale: Option<ScalePaths>,
    pub name_check: fn(&str) -> Vec<String>,
    pub sensitive: bool,
    pub generation: Generation,
    pub keeps_status_on_create: bool,
    pub create_on_update: bool,
    pub unconditional_update: bool,
    /// apiVersion and plural.
    pub stored_as: Option<(&'static str, &'static str)>,
    pub convert: Option<Conversion>,
}

impl Row {
    /// The common case: names are DNS subdomains, no generation, PUT without resourceVersion overwrites.
    pub const fn new(api_version: &'static str, kind: &'static str) -> Self {
        Self {
            api_version,
            kind,
            hooks: Hooks::NONE,
            selectable: &[],
            indexed: &[],
            scale: None,
            name_check: names::dns_subdomain,
            sensitive: false,
            generation: Generation::Untracked,
            keeps_status_on_create: false,
            create_on_update: false,
            unconditional_update: true,
            stored_as: None,
            convert: None,
        }
    }
    pub const fn hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = hooks;
        self
    }
    pub const fn selectable(mut self, fields: &'static [&'static str]) -> Self {
        self.selectable = fields;
        self
    }
    pub const fn indexed(mut self, indexed: &'static [Indexed]) -> Self {
        self.indexed = indexed;
        self
    }
    pub const fn scale(mut self, replicas: &'static str, status_replicas: &'static str, selector: &'static str) -> Self {
        self.scale = Some(ScalePaths { replicas, status_replicas, selector });
        self
    }
    pub const fn name_check(mut self, check: fn(&str) -> Vec<String>) -> Self {
        self.name_check = check;
        self
    }
    pub const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }
    pub const fn generation(mut self) -> Self {
        self.generation = Generation::Spec;
        self
    }
    pub const fn keeps_status_on_create(mut self) -> Self {
        self.keeps_status_on_create = true;
        self
    }
    pub const fn create_on_update(mut self) -> Self {
        self.create_on_update = true;
        self
    }
    /// PUT must carry a resourceVersion.
    pub const fn conditional_update(mut self) -> Self {
        self.unconditional_update = false;
        self
    }
    pub const fn stored_as(mut self, api_version: &'static str, plural: &'static str, convert: Conversion) -> Self {
        self.stored_as = Some((api_version, plural));
        self.convert = Some(convert);
        self
    }
}
