//! The way from a document's root to a value, kept on the stack and written out only for an error.

use std::fmt::Write;

#[derive(Clone, Copy)]
pub enum Step<'a> {
    /// `inlined` names the Go structs that the field is inlined through.
    Field {
        name: &'a str,
        inlined: Option<&'a str>,
    },
    Key(&'a str),
    Index(usize),
}

#[derive(Clone, Copy)]
pub struct Way<'a> {
    pub up: Option<&'a Way<'a>>,
    pub step: Step<'a>,
}

impl<'a> Way<'a> {
    pub fn new(up: Option<&'a Way<'a>>, step: Step<'a>) -> Self {
        Self { up, step }
    }
    /// `spec.containers[0].env.name`, as strict decoding errors print it.
    pub fn strict(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, &|step, out| match step {
            Step::Field { name, .. } | Step::Key(name) => dotted(out, name),
            Step::Index(at) => write!(out, "[{at}]").unwrap_or_default(), // writing to a String cannot fail
        });
        out
    }
    /// `spec.containers.livenessProbe.ProbeHandler.httpGet`: Go's field stack has no indexes or keys, but inlined structs.
    pub fn fields(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, &|step, out| {
            if let Step::Field { name, inlined } = step {
                inlined.into_iter().for_each(|structs| dotted(out, structs));
                dotted(out, name);
            }
        });
        out
    }
    fn write(&self, out: &mut String, each: &dyn Fn(Step<'_>, &mut String)) {
        if let Some(up) = self.up {
            up.write(out, each);
        }
        each(self.step, out);
    }
}

fn dotted(out: &mut String, name: &str) {
    if !out.is_empty() {
        out.push('.');
    }
    out.push_str(name);
}
