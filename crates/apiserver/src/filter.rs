//! Which objects a list or watch is about.

use api::ResourceDef;
use client::{Options, Target};
use meta::status::Result;
use meta::{FieldSelector, LabelSelector, Object, Status};
use std::sync::Arc;

/// Label and field selectors, resolved against a kind.
pub struct Filter {
    labels: LabelSelector,
    fields: FieldSelector,
    def: Arc<ResourceDef>,
    /// Local key prefix that holds everything selected.
    pub prefix: String,
}

impl Filter {
    pub fn new(def: &Arc<ResourceDef>, target: &Target, options: &Options) -> Result<Self> {
        let labels = LabelSelector::parse(&options.label_selector)
            .map_err(|why| Status::bad_request(format!("unable to parse label selector: {why}")))?;
        let fields = FieldSelector::parse(&options.field_selector).map_err(Status::bad_request)?;
        if let Some(unknown) = fields.0.iter().find(|t| field_index(def, &t.field).is_none()) {
            let message = format!("field label not supported: {}", unknown.field);
            return Err(Status::bad_request(message));
        }
        let prefix = match (target.namespace.as_str(), fields.exact("metadata.name")) {
            ("", Some(name)) if !def.namespaced => name.to_owned(),
            ("", _) => String::new(),
            (namespace, Some(name)) => format!("{namespace}/{name}"),
            (namespace, None) => format!("{namespace}/"),
        };
        Ok(Self { labels, fields, def: def.clone(), prefix })
    }

    pub fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub fn matches(&self, object: &Object) -> bool {
        self.labels.matches(&object.meta.labels) && self.fields.matches(|field| self.value(object, field))
    }

    fn value<'a>(&self, object: &'a Object, field: &str) -> Option<&'a str> {
        match field_index(&self.def, field)? {
            Field::Name => Some(&object.meta.name),
            Field::Namespace => Some(&object.meta.namespace),
            Field::At(index) => object.fields.get(index).map(String::as_str),
        }
    }
}

enum Field {
    Name,
    Namespace,
    At(usize),
}

fn field_index(def: &ResourceDef, field: &str) -> Option<Field> {
    match field {
        "metadata.name" => Some(Field::Name),
        "metadata.namespace" if def.namespaced => Some(Field::Namespace),
        _ => {
            let named = |f: &str| f.split_once('=').map_or(f, |(name, _)| name) == field;
            def.selectable.iter().position(|f| named(f)).map(Field::At)
        }
    }
}
