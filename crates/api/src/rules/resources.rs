//! Resource names, lists and requirements (kubernetes `pkg/apis/core/validation`, `ValidateResourceRequirements`).

use crate::doc::{View, entries};
use meta::quantity::Quantity;
use meta::{Doc, FieldErrors, names};

const STANDARD: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
/// Prefix of names that belong to Kubernetes itself.
const NATIVE: &str = "kubernetes.io/";

/// Rewrites each quantity of a resource list to its canonical form, rounded up to thousandths.
pub fn canonical_list(list: &mut Doc) {
    if list.is_object() {
        entries(list).values_mut().for_each(|quantity| canonical(quantity, true));
    }
}

/// Rewrites one quantity canonically; a text that is none stays for validation to refuse.
pub fn canonical(quantity: &mut Doc, milli: bool) {
    if let Ok(parsed) = parse(quantity) {
        let parsed = if milli { parsed.round_up_milli() } else { parsed };
        *quantity = Doc::String(parsed.to_string());
    }
}

/// Reads a quantity document, a string or a number.
pub fn parse(doc: &Doc) -> Result<Quantity, meta::quantity::QuantityError> {
    match doc {
        Doc::String(text) => Quantity::parse(text.trim()),
        Doc::Number(number) => Quantity::parse(&number.to_string()),
        _ => Ok(Quantity::ZERO),
    }
}

/// The amount of `name` in a resource list; nothing or nonsense is zero.
pub fn amount(list: &Doc, name: &str) -> Quantity {
    list.get(name).and_then(|q| parse(q).ok()).unwrap_or_default()
}

/// Whether a name is an extended resource (`nvidia.com/gpu`).
pub fn is_extended(name: &str) -> bool {
    name.contains('/') && !is_native(name) && !name.starts_with("requests.")
}

fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains(NATIVE)
}

fn is_hugepages(name: &str) -> bool {
    name.starts_with("hugepages-")
}

fn overcommits(name: &str) -> bool {
    is_native(name) && !is_hugepages(name)
}

/// `requests` and `limits` of a container.
pub fn check_requirements(requirements: &View<'_>, errors: &mut FieldErrors) {
    let (limits, requests) = (requirements.get("limits"), requirements.get("requests"));
    limits.entries().for_each(|(name, quantity)| check_container_resource(name, &quantity, errors));
    for (name, request) in requests.entries() {
        check_container_resource(name, &request, errors);
        let limit = limits.key(name);
        if limit.is_set() {
            check_against_limit(name, &request, &limit, &requests, errors);
        } else if !overcommits(name) {
            errors.required(&limit.path, "Limit must be set for non overcommitable resources");
        }
    }
    for (name, limit) in limits.entries() {
        // Upstream fills requests from limits before this, so what is missing is a template's.
        if is_hugepages(name) && requests.is_set() && !requests.key(name).is_set() && limit.is_empty() {
            errors.required(&requests.path, "Request must be set for huge pages");
        }
    }
}

fn check_against_limit(name: &str, request: &View<'_>, limit: &View<'_>, requests: &View<'_>, errors: &mut FieldErrors) {
    let (Ok(wanted), Ok(most)) = (parse(request.doc), parse(limit.doc)) else { return };
    if wanted != most && !overcommits(name) {
        let text = format!("must be equal to {name} limit of {most}");
        errors.invalid(&requests.path, wanted.to_string(), text);
    } else if wanted > most {
        errors.invalid(&requests.path, wanted.to_string(), format!("must be less than or equal to {name} limit of {most}"));
    }
}

fn check_container_resource(name: &str, quantity: &View<'_>, errors: &mut FieldErrors) {
    check_container_resource_name(name, quantity, errors);
    check_quantity(name, quantity, errors);
}

fn check_container_resource_name(name: &str, at: &View<'_>, errors: &mut FieldErrors) {
    let problems = names::qualified_name(name);
    if !problems.is_empty() {
        return problems.into_iter().for_each(|p| errors.invalid(&at.path, name, p));
    }
    if !name.contains('/') && !STANDARD.contains(&name) && !is_hugepages(name) {
        errors.invalid(&at.path, name, "must be a standard resource for containers");
    } else if name.contains('/') && !is_native(name) && !is_extended(name) {
        errors.invalid(&at.path, name, "doesn't follow extended resource name standard");
    }
}

/// Not negative, and whole where fractions make no sense.
pub fn check_quantity(name: &str, at: &View<'_>, errors: &mut FieldErrors) {
    let quantity = match parse(at.doc) {
        Ok(quantity) => quantity,
        Err(error) => return at.invalid(errors, error.to_string()),
    };
    if quantity.is_negative() {
        errors.invalid(&at.path, quantity.to_string(), crate::doc::NEGATIVE);
    }
    if (is_extended(name) || name == "pods" || is_hugepages(name)) && !quantity.is_whole() {
        errors.invalid(&at.path, quantity.to_string(), "must be an integer");
    }
}

/// A resource list of a node, volume or claim: any valid name, nothing negative.
pub fn check_list(list: &View<'_>, errors: &mut FieldErrors) {
    for (name, quantity) in list.entries() {
        names::qualified_name(name).into_iter().for_each(|p| errors.invalid(&quantity.path, name, p));
        check_quantity(name, &quantity, errors);
    }
}
