//! What all Describe operations over records share: ids, filters, pages, EC2's own shape.

use crate::filter::{self, FilterRow};
use crate::service::Cx;
use aws_service::paging::{Page, PageRequest, page};
use aws_service::records::tag_list;
use aws_service::{Failure, Outcome, Request};
use aws_wire::AwsError;
use client::{Options, Resource};
use meta::Doc;
use serde_json::{Map, json};

/// One describable kind, as data.
pub struct Kind {
    pub resource: Resource,
    /// The specification's member that holds the id.
    pub id: &'static str,
    /// `vpc`
    pub prefix: &'static str,
    /// The input's member with ids, and the output's with results.
    pub ids: &'static str,
    pub output: &'static str,
    /// `InvalidVpcID`: what `.NotFound` and `.Malformed` follow.
    pub error: &'static str,
    /// `InvalidGroupId` where that differs for `.Malformed`.
    pub malformed: &'static str,
    /// `vpc ID`: as the error's text calls it.
    pub called: &'static str,
    pub filters: &'static [FilterRow],
}

const MAX_RESULTS: u64 = 1000;

/// Describe operations take no resource-level permissions.
pub fn everything(_: &Request) -> Vec<String> {
    vec!["*".to_owned()]
}

pub fn refuse_dry_run(request: &Request) -> Result<(), AwsError> {
    match request.input["DryRun"].as_bool() {
        Some(true) => {
            let message = "Request would have succeeded, but DryRun flag is set.";
            Err(AwsError::new("DryRunOperation", message).with_status(412))
        }
        _ => Ok(()),
    }
}

/// Answers a Describe operation.
pub async fn describe(cx: &Cx, request: &Request, kind: &Kind) -> Outcome {
    refuse_dry_run(request)?;
    let ids = request.texts(kind.ids);
    check_combination(request, kind, &ids)?;
    let specs = select(all(cx, request, kind).await?, &ids, kind)?;
    Ok(answer(request, kind, specs)?)
}

/// Every record of the kind, as specifications.
pub async fn all(cx: &Cx, request: &Request, kind: &Kind) -> Result<Vec<Doc>, Failure> {
    let listed = cx.client.list(kind.resource, &request.namespace(), Options::default()).await?;
    Ok(listed.items.iter().map(|record| record.to_doc()["spec"].take()).collect())
}

/// Filters, pages and shapes what was selected.
pub fn answer(request: &Request, kind: &Kind, specs: Vec<Doc>) -> Result<Doc, AwsError> {
    let page = filtered(request, kind, specs)?;
    let mut output = json!({kind.output: page.items.iter().map(shape).collect::<Vec<_>>()});
    if let Some(token) = page.next_token {
        output["NextToken"] = token.into();
    }
    Ok(output)
}

/// One page of those that pass the filters.
pub fn filtered(request: &Request, kind: &Kind, specs: Vec<Doc>) -> Result<Page<Doc>, AwsError> {
    let specs = filter::apply(specs, &request.input["Filters"], kind.filters)?;
    let asked = PageRequest {
        listing: request.operation,
        token: request.text("NextToken"),
        limit: request.input["MaxResults"].as_u64().unwrap_or(MAX_RESULTS).min(MAX_RESULTS) as usize,
    };
    page(specs, &asked, |spec| text(spec, kind.id).to_owned())
        .map_err(|_| AwsError::new("InvalidParameterValue", "Invalid value for parameter NextToken"))
}

pub fn check_combination(request: &Request, kind: &Kind, ids: &[&str]) -> Result<(), AwsError> {
    if ids.is_empty() || request.input["MaxResults"].is_null() {
        return Ok(());
    }
    let name = lower_first(kind.ids);
    Err(AwsError::new(
        "InvalidParameterCombination",
        format!("The parameter {name} cannot be used with the parameter maxResults"),
    ))
}

/// Refuses an id of another shape than the kind's.
pub fn check_id(id: &str, kind: &Kind) -> Result<(), AwsError> {
    if well_formed(id, kind.prefix) {
        return Ok(());
    }
    let message = format!("Invalid id: \"{id}\" (expecting \"{}-...\")", kind.prefix);
    Err(AwsError::new(format!("{}.Malformed", kind.malformed), message))
}

/// EC2's error for an id that names nothing.
pub fn not_found(id: &str, kind: &Kind) -> AwsError {
    AwsError::new(format!("{}.NotFound", kind.error), format!("The {} '{id}' does not exist", kind.called))
}

/// The records with these ids, or all if none are named.
pub fn select(specs: Vec<Doc>, ids: &[&str], kind: &Kind) -> Result<Vec<Doc>, AwsError> {
    if ids.is_empty() {
        return Ok(specs);
    }
    ids.iter().try_for_each(|id| check_id(id, kind))?;
    let missing: Vec<&str> = ids.iter().filter(|id| !specs.iter().any(|spec| text(spec, kind.id) == **id)).copied().collect();
    if !missing.is_empty() {
        let message = match &missing[..] {
            [one] => format!("The {} '{one}' does not exist", kind.called),
            several => format!("The {}s '{}' do not exist", kind.called, several.join(", ")),
        };
        return Err(AwsError::new(format!("{}.NotFound", kind.error), message));
    }
    Ok(specs.into_iter().filter(|spec| ids.contains(&text(spec, kind.id))).collect())
}

fn well_formed(id: &str, prefix: &str) -> bool {
    let digits = id.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    digits.is_some_and(|digits| (8..=17).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

pub fn text<'a>(spec: &'a Doc, member: &str) -> &'a str {
    spec[member].as_str().unwrap_or_default()
}

/// Members of a specification that EC2 shows elsewhere or not at all.
const HIDDEN: [&str; 2] = ["attributes", "tags"];

/// A specification as EC2 describes it.
pub fn shape(spec: &Doc) -> Doc {
    let members = spec.as_object().into_iter().flatten().filter(|(key, _)| !HIDDEN.contains(&key.as_str()));
    let mut out: Map<String, Doc> = members.map(|(key, value)| (upper_first(key), upper(value))).collect();
    out.insert("Tags".into(), tag_list(&spec["tags"]));
    Doc::Object(out)
}

fn upper(value: &Doc) -> Doc {
    match value {
        Doc::Object(map) => Doc::Object(map.iter().map(|(key, value)| (upper_first(key), upper(value))).collect()),
        Doc::Array(list) => Doc::Array(list.iter().map(upper).collect()),
        other => other.clone(),
    }
}

fn upper_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::describe_vpcs::KIND;

    #[test]
    fn ids_are_checked_one_by_one() {
        let (here, away) = ("vpc-0aaaaaaaaaaaaaaaa", "vpc-0bbbbbbbbbbbbbbbb");
        for (ids, expected) in [
            (vec![], Ok(1)),
            (vec![here], Ok(1)),
            (vec![here, away], Err(format!("InvalidVpcID.NotFound: The vpc ID '{away}' does not exist"))),
            (vec![away, away], Err(format!("InvalidVpcID.NotFound: The vpc IDs '{away}, {away}' do not exist"))),
            (vec!["vpc-x"], Err("InvalidVpcID.Malformed: Invalid id: \"vpc-x\" (expecting \"vpc-...\")".into())),
            (
                vec!["subnet-0aaaaaaaa"],
                Err("InvalidVpcID.Malformed: Invalid id: \"subnet-0aaaaaaaa\" (expecting \"vpc-...\")".into()),
            ),
        ] {
            let found = select(vec![json!({"vpcId": here})], &ids, &KIND);
            assert_eq!(found.map(|found| found.len()).map_err(|error| error.to_string()), expected, "{ids:?}");
        }
    }

    #[test]
    fn specifications_show_in_ec2s_words() {
        let spec = json!({"vpcId": "v", "cidrBlockAssociationSet": [{"cidrBlockState": {"state": "associated"}}],
            "attributes": {"enableDnsSupport": true}, "tags": {"a": "b"}});
        let shown = json!({"VpcId": "v", "CidrBlockAssociationSet": [{"CidrBlockState": {"State": "associated"}}],
            "Tags": [{"Key": "a", "Value": "b"}]});
        assert_eq!(shape(&spec), shown);
    }
}
