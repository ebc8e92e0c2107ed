//! `PartialObjectMetadata`, cut out of the stored bytes without parsing them.

use meta::Object;

/// Appends `{"kind":"PartialObjectMetadata",...}` of an object.
pub fn write(object: &Object, version: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/");
    out.extend_from_slice(version.as_bytes());
    out.extend_from_slice(b"\",\"metadata\":");
    write_metadata(object, out);
    out.push(b'}');
}

/// Appends the value of `metadata`, with `resourceVersion`.
fn write_metadata(object: &Object, out: &mut Vec<u8>) {
    let start = out.len();
    object.write_json(out);
    let key = b"{\"metadata\":".len();
    let end = value_end(&out[start + key..]);
    out.truncate(start + key + end);
    out.drain(start..start + key);
}

/// The length of the JSON object that the text starts with. The text is valid JSON: it was parsed when it was stored.
fn value_end(text: &[u8]) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at += string_end(&text[at..]) - 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of the string literal that the text starts with, quotes included.
fn string_end(text: &[u8]) -> usize {
    let mut at = 1;
    loop {
        match text.get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') | None => return (at + 1).min(text.len()),
            Some(_) => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn metadata_is_cut_out_whatever_it_holds() {
        for metadata in [
            json!({}),
            json!({"name": "a"}),
            json!({"name": "a", "annotations": {"note": "\"}]{[\\", "metadata": "\\\""}, "finalizers": ["x}", "y"]}),
            json!({"name": "ü", "ownerReferences": [{"uid": "1"}, {"uid": "2"}], "generation": 3}),
        ] {
            let object = Object::from_doc(&json!({"metadata": metadata, "spec": {"metadata": {"x": 1}}}), 9).expect("valid");
            let mut out = b"before".to_vec();
            write(&object, "v1", &mut out);
            let got: Value = serde_json::from_slice(&out[6..]).expect("valid JSON");
            let mut expected = metadata.clone();
            expected["resourceVersion"] = "9".into();
            assert_eq!(got, json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": expected}));
        }
    }
}
