//! Reading a signature out of a request.

use form_urlencoded::parse as pairs;
use jiff::Timestamp;

use super::{ALGORITHM, AuthError, Signed, parse_time};
use crate::http::HttpRequest;

/// The signature a request carries; `None` if it carries none. The `Authorization` header wins over the query string only
/// if the query has no `X-Amz-Algorithm`: both at once is refused.
pub fn parse(request: &HttpRequest) -> Result<Option<Signed>, AuthError> {
    let in_query = pairs(request.query.as_bytes()).any(|(key, _)| key == "X-Amz-Algorithm" || key == "X-Amz-Signature");
    let header = request.headers.get("authorization");
    match (header, in_query) {
        (None, false) => Ok(None),
        (None, true) => from_query(request).map(Some),
        (Some(_), true) => {
            Err(incomplete("Request must not carry both an Authorization header and a signature in its query string"))
        }
        (Some(_), false) if request.headers.get_all("authorization").iter().count() > 1 => {
            Err(incomplete("Request must carry one Authorization header"))
        }
        (Some(value), false) => {
            let text = value.to_str().map_err(|_| incomplete("Authorization header is not text"))?;
            from_header(request, text).map(Some)
        }
    }
}

fn incomplete(text: &str) -> AuthError {
    AuthError::Incomplete(text.to_owned())
}

struct Credential {
    access_key_id: String,
    date: String,
    region: String,
    service: String,
}

/// `AKID/20150830/us-east-1/sts/aws4_request`.
fn credential(text: &str) -> Result<Credential, AuthError> {
    let parts: Vec<&str> = text.split('/').collect();
    let [access_key_id, date, region, service, "aws4_request"] = parts[..] else {
        return Err(AuthError::Incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{text}'"
        )));
    };
    if parts.iter().any(|part| part.is_empty()) {
        return Err(AuthError::Incomplete(format!("Credential has an empty element, got '{text}'")));
    }
    let [access_key_id, date, region, service] = [access_key_id, date, region, service].map(str::to_owned);
    Ok(Credential { access_key_id, date, region, service })
}

fn names(text: &str) -> Vec<String> {
    text.split(';').filter(|name| !name.is_empty()).map(str::to_ascii_lowercase).collect()
}

fn from_header(request: &HttpRequest, text: &str) -> Result<Signed, AuthError> {
    let Some(rest) = text.trim().strip_prefix(ALGORITHM) else {
        return Err(AuthError::Incomplete(format!(
            "Unsupported AWS 'algorithm': '{}'.",
            text.split(' ').next().unwrap_or_default()
        )));
    };
    let mut parts = [None; 3];
    const NAMES: [&str; 3] = ["Credential", "SignedHeaders", "Signature"];
    for piece in rest.split([',', ' ']).filter(|piece| !piece.is_empty()) {
        let (key, value) =
            piece.split_once('=').ok_or_else(|| AuthError::Incomplete(format!("'{piece}' is not a key=value pair")))?;
        if let Some(i) = NAMES.iter().position(|name| *name == key)
            && parts[i].replace(value).is_some()
        {
            return Err(AuthError::Incomplete(format!("Authorization header has '{key}' twice")));
        }
    }
    let time = header_time(request);
    let [Some(scope), Some(signed_headers), Some(signature)] = parts else {
        return Err(AuthError::Incomplete(missing(&NAMES, &parts, time.is_some())));
    };
    let time = time.ok_or_else(|| AuthError::Incomplete(missing(&NAMES, &parts, false)))?;
    let scope = credential(scope)?;
    Ok(Signed {
        access_key_id: scope.access_key_id,
        date: scope.date,
        region: scope.region,
        service: scope.service,
        time,
        signed_headers: names(signed_headers),
        signature: signature.to_owned(),
        security_token: request.header("x-amz-security-token").map(str::to_owned),
        expires: None,
        presigned: false,
    })
}

fn missing(names: &[&str], parts: &[Option<&str>], dated: bool) -> String {
    let absent = names.iter().zip(parts).filter(|(_, part)| part.is_none());
    let mut text: Vec<String> = absent.map(|(name, _)| format!("Authorization header requires '{name}' parameter.")).collect();
    if !dated {
        text.push("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.".to_owned());
    }
    text.join(" ")
}

fn header_time(request: &HttpRequest) -> Option<Timestamp> {
    match request.header("x-amz-date") {
        Some(text) => parse_time(text.trim()),
        None => {
            let text = request.header("date")?;
            parse_time(text).or_else(|| jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp()))
        }
    }
}

fn from_query(request: &HttpRequest) -> Result<Signed, AuthError> {
    let one = |name: &str| {
        let mut values = pairs(request.query.as_bytes()).filter(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            (None, _) => Err(AuthError::Incomplete(format!("AWS query-string parameters must include '{name}'."))),
            (Some(_), Some(_)) => Err(AuthError::Incomplete(format!("AWS query-string parameters must include '{name}' once."))),
        }
    };
    let algorithm = one("X-Amz-Algorithm")?;
    if algorithm != ALGORITHM {
        return Err(AuthError::Incomplete(format!("Unsupported AWS 'algorithm': '{algorithm}'.")));
    }
    let scope = credential(&one("X-Amz-Credential")?)?;
    let date = one("X-Amz-Date")?;
    let time = parse_time(&date)
        .ok_or_else(|| AuthError::Incomplete(format!("Date must be in ISO-8601 'basic format'. Got '{date}'.")))?;
    let has = |name: &str| pairs(request.query.as_bytes()).any(|(key, _)| key == name);
    let expires = if has("X-Amz-Expires") { Some(one("X-Amz-Expires")?) } else { None };
    let seconds =
        expires.map(|text| text.parse::<i64>().map_err(|_| incomplete("X-Amz-Expires should be a number"))).transpose()?;
    if seconds.is_some_and(|seconds| !(0..=604_800).contains(&seconds)) {
        return Err(incomplete("X-Amz-Expires must be between 0 and 604800 seconds"));
    }
    let token = if has("X-Amz-Security-Token") { Some(one("X-Amz-Security-Token")?) } else { None };
    Ok(Signed {
        access_key_id: scope.access_key_id,
        date: scope.date,
        region: scope.region,
        service: scope.service,
        time,
        signed_headers: names(&one("X-Amz-SignedHeaders")?),
        signature: one("X-Amz-Signature")?,
        security_token: token.or_else(|| request.header("x-amz-security-token").map(str::to_owned)),
        expires: seconds,
        presigned: true,
    })
}
