//! Which objects a list or watch is about.

use crate::cache::{Lookup, Scope};
use api::{Indexed, ResourceDef};
use client::{Options, Target};
use meta::labels::Requirement;
use meta::status::Result;
use meta::{FieldSelector, LabelSelector, Object, Status};
use std::sync::Arc;

/// Label and field selectors, resolved against a kind.
pub struct Filter {
    labels: LabelSelector,
    fields: FieldSelector,
    /// The form that is stored, whose fields the cache holds.
    stored: Arc<ResourceDef>,
    served: Arc<ResourceDef>,
    /// Local key prefix that holds everything selected.
    pub prefix: String,
}

impl Filter {
    pub fn new(stored: &Arc<ResourceDef>, def: &Arc<ResourceDef>, target: &Target, options: &Options) -> Result<Self> {
        let labels = LabelSelector::parse(&options.label_selector)
            .map_err(|why| Status::bad_request(format!("unable to parse label selector: {why}")))?;
        let fields = FieldSelector::parse(&options.field_selector).map_err(Status::bad_request)?;
        if let Some(unknown) = fields.0.iter().find(|t| field_index(stored, def, &t.field).is_none()) {
            let message = format!("field label not supported: {}", unknown.field);
            return Err(Status::bad_request(message));
        }
        let prefix = match (target.namespace.as_str(), fields.exact("metadata.name")) {
            ("", Some(name)) if !def.namespaced => name.to_owned(),
            ("", _) => String::new(),
            (namespace, Some(name)) => format!("{namespace}/{name}"),
            (namespace, None) => format!("{namespace}/"),
        };
        Ok(Self { labels, fields, stored: stored.clone(), served: def.clone(), prefix })
    }

    pub fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// What a watcher with these selectors must be told of, at least.
    pub fn scope(&self) -> Scope {
        let one = self.fields.exact("metadata.name").is_some() && !(self.prefix.is_empty() || self.prefix.ends_with('/'));
        let field = |term: &meta::labels::FieldTerm| match field_index(&self.stored, &self.served, &term.field)? {
            Field::At(index) if term.equal => Some(Scope::Field(index, term.value.clone())),
            _ => None,
        };
        match self.prefix.as_str() {
            prefix if one => Scope::Key(prefix.to_owned()),
            "" => self.fields.0.iter().find_map(field).unwrap_or_else(|| Scope::Prefix(String::new())),
            prefix => Scope::Prefix(prefix.to_owned()),
        }
    }

    /// What of the selectors an index answers, if anything.
    pub fn lookup(&self) -> Option<Lookup> {
        let indexed = self.stored.indexed.iter().enumerate();
        indexed.filter_map(|(index, by)| Some(Lookup { index, value: self.asked(by)? })).next()
    }

    /// The one value that the selectors let through.
    fn asked(&self, by: &Indexed) -> Option<String> {
        match by {
            Indexed::Labels => self.labels.0.iter().find_map(|requirement| match requirement {
                Requirement::In(label, values) if values.len() == 1 => Some(Lookup::label(label, &values[0])),
                _ => None,
            }),
            Indexed::Field(field) => {
                let term = self.fields.0.iter().find(|term| term.equal && self.served.stored_field(&term.field) == *field)?;
                Some(term.value.clone())
            }
        }
    }

    pub fn matches(&self, object: &Object) -> bool {
        self.labels.matches(&object.meta.labels) && self.fields.matches(|field| self.value(object, field))
    }

    fn value<'a>(&self, object: &'a Object, field: &str) -> Option<&'a str> {
        match field_index(&self.stored, &self.served, field)? {
            Field::Name => Some(&object.meta.name),
            Field::Namespace => Some(&object.meta.namespace),
            Field::At(index) => object.fields.get(index),
        }
    }
}

enum Field {
    Name,
    Namespace,
    At(usize),
}

/// Where the stored form keeps a field of the served form. The cache holds the stored kind's fields, in its order.
fn field_index(stored: &ResourceDef, served: &ResourceDef, field: &str) -> Option<Field> {
    match field {
        "metadata.name" => Some(Field::Name),
        "metadata.namespace" if served.namespaced => Some(Field::Namespace),
        _ if !served.is_selectable(field) => None,
        _ => {
            let stored_name = served.stored_field(field);
            stored.selectable.iter().position(|f| **f == *stored_name).map(Field::At)
        }
    }
}
