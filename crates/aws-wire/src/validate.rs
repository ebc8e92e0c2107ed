//! Inputs against their shapes: required members, lengths, ranges, patterns, enums; each service in its own words.

mod check;
mod words;

use serde_json::Value;

use crate::error::AwsError;
use crate::model::{Model, Operation};

/// Whether the input is one the operation may see. `value` is what [`crate::parse_input`] gave.
pub fn validate_input(model: &Model, op: &Operation, value: &Value) -> Result<(), AwsError> {
    let Some(shape) = model.input(op) else { return Ok(()) };
    let mut violations = Vec::new();
    check::structure(model, shape, value, &check::Path::root(), &mut violations);
    words::error(model, &violations).map_or(Ok(()), Err)
}

/// The members of an output that the model does not know, and the ones that are not of their type: for tests of handlers.
pub fn check_output(model: &Model, op: &Operation, value: &Value) -> Result<(), String> {
    match model.output(op) {
        Some(shape) => check::known(model, shape, value, &op.name),
        None if value.as_object().is_none_or(|fields| fields.is_empty()) => Ok(()),
        None => Err(format!("{} has no output", op.name)),
    }
}
