//! networking.k8s.io and discovery.k8s.io.

use super::cells::{NONE, UNSET, count, has, list, or, selector_or_none, some_of, text, texts};
use super::core::load_balancer;
use super::{age, name, of, string, string_or};
use crate::{Cell, Column};
use meta::Doc;

/// How many hosts of an ingress are shown.
const SHOWN_HOSTS: usize = 3;

pub fn columns(kind: &str, minor: u32) -> Option<Vec<Column>> {
    let columns = match kind {
        "Ingress" => vec![
            name(),
            string_or("Class", "/spec/ingressClassName", NONE),
            of("Hosts", "string", |doc, _| hosts(doc).into()),
            of("Address", "string", |doc, _| load_balancer(doc).into()),
            of("Ports", "string", |doc, _| if count(doc, "/spec/tls") > 0 { "80, 443".into() } else { "80".into() }),
            age(),
        ],
        "IngressClass" => vec![
            if minor >= 36 {
                Column::new("Name", "string", Cell::Of(|doc, _| class_name(doc).into())).format("name")
            } else {
                name()
            },
            string("Controller", "/spec/controller"),
            of("Parameters", "string", |doc, _| parameters(doc).into()),
            age(),
        ],
        "NetworkPolicy" => {
            vec![name(), of("Pod-Selector", "string", |doc, _| selector_or_none(doc, "/spec/podSelector").into()), age()]
        }
        "ServiceCIDR" => vec![name(), of("CIDRs", "string", |doc, _| texts(doc, "/spec/cidrs").join(",").into()), age()],
        "IPAddress" => vec![name(), of("ParentRef", "string", |doc, _| parent(doc).into())],
        "EndpointSlice" => vec![
            name(),
            string("AddressType", "/addressType"),
            of("Ports", "string", |doc, _| slice_ports(doc).into()),
            of("Endpoints", "string", |doc, _| slice_endpoints(doc).into()),
            age(),
        ],
        _ => return None,
    };
    Some(columns)
}

fn hosts(ingress: &Doc) -> String {
    let rules = list(ingress, "/spec/rules");
    let mut shown: Vec<&str> = Vec::new();
    let mut more = false;
    for rule in rules {
        more |= shown.len() == SHOWN_HOSTS;
        let host = text(rule, "/host");
        if !more && !host.is_empty() {
            shown.push(host);
        }
    }
    match more {
        true => format!("{} + {} more...", shown.join(","), rules.len() - SHOWN_HOSTS),
        false => or(&shown.join(","), "*").to_owned(),
    }
}

fn class_name(class: &Doc) -> String {
    let default = class["metadata"]["annotations"]["ingressclass.kubernetes.io/is-default-class"] == "true";
    format!("{}{}", text(class, "/metadata/name"), if default { " (default)" } else { "" })
}

fn parameters(class: &Doc) -> String {
    let Some(reference) = class.pointer("/spec/parameters").filter(|p| !p.is_null()) else { return NONE.into() };
    let group = reference["apiGroup"].as_str().map(|g| format!(".{g}")).unwrap_or_default();
    format!("{}{group}/{}", text(reference, "/kind"), text(reference, "/name"))
}

fn parent(address: &Doc) -> String {
    if !has(address, "/spec/parentRef") {
        return NONE.into();
    }
    let field = |key: &str| text(&address["spec"]["parentRef"], key);
    let mut out = field("/resource").to_owned();
    for (separator, part) in [('.', field("/group")), ('/', field("/namespace"))] {
        if !part.is_empty() {
            out.push(separator);
            out.push_str(part);
        }
    }
    format!("{}/{}", out.to_lowercase(), field("/name"))
}

fn slice_ports(slice: &Doc) -> String {
    let port = |p: &Doc| match (p["port"].as_i64(), p["name"].as_str()) {
        (Some(port), _) => port.to_string(),
        (None, Some(name)) => name.to_owned(),
        (None, None) => "*".to_owned(),
    };
    some_of(list(slice, "/ports").iter().map(port).collect(), UNSET)
}

fn slice_endpoints(slice: &Doc) -> String {
    let endpoints = list(slice, "/endpoints").iter();
    some_of(endpoints.flat_map(|e| texts(e, "/addresses")).map(str::to_owned).collect(), UNSET)
}
