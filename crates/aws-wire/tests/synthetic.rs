//! What the models built in do not use, but the codec speaks: payloads, prefixed headers, status codes, flattened lists and
//! maps, attributes, timestamp formats.

use aws_wire::{HttpRequest, Model, decode_output, encode_output, encode_request, parse_input};
use serde_json::{Value, json};

fn shapes() -> Value {
    json!([
        {"name": "Blob", "type": "blob"},
        {"name": "Date", "type": "timestamp"},
        {"name": "Flat", "type": "list", "member": {"shape": 6, "locationName": "Item"}, "flattened": true},
        {"name": "Grant", "type": "structure", "members": [
            {"name": "Type", "shape": 6, "locationName": "xsi:type", "xmlAttribute": true},
            {"name": "Id", "shape": 6},
            {"name": "When", "shape": 1, "timestampFormat": "rfc822"},
            {"name": "Names", "shape": 2},
            {"name": "Tags", "shape": 5, "flattened": true}]},
        {"name": "Int", "type": "integer"},
        {"name": "Map", "type": "map", "key": {"shape": 6, "locationName": "K"}, "value": {"shape": 6, "locationName": "V"}},
        {"name": "Text", "type": "string"},
        {"name": "WithBlob", "type": "structure", "payload": "Body", "members": [
            {"name": "Key", "shape": 6, "location": "uri"},
            {"name": "Body", "shape": 0},
            {"name": "Names", "shape": 8, "location": "header", "locationName": "x-names"},
            {"name": "Meta", "shape": 5, "location": "headers", "locationName": "x-meta-"},
            {"name": "Modified", "shape": 1, "location": "header", "locationName": "Last-Modified"},
            {"name": "Code", "shape": 4, "location": "statusCode"}]},
        {"name": "Words", "type": "list", "member": {"shape": 6}},
        {"name": "XWithGrant", "type": "structure", "payload": "Grant", "members": [
            {"name": "Key", "shape": 6, "location": "uri"},
            {"name": "Grant", "shape": 11, "locationName": "Holder", "xmlNamespace": [null, "urn:holder"]}]},
        {"name": "YForm", "type": "structure", "members": [
            {"name": "Grant", "shape": 3}, {"name": "Flat", "shape": 2}, {"name": "Words", "shape": 8}, {"name": "Map", "shape": 5}]},
        {"name": "ZHolder", "type": "structure", "members": [
            {"name": "Grant", "shape": 3, "xmlNamespace": ["xsi", "http://www.w3.org/2001/XMLSchema-instance"]}]}
    ])
}

fn model(protocol: &str) -> Model {
    let table = json!({
        "service": "toy", "signingName": "toy", "endpointPrefix": "toy", "protocol": protocol, "apiVersion": "1",
        "xmlNamespace": "urn:toy", "shapes": shapes(),
        "operations": [
            {"name": "PutBlob", "method": "PUT", "uri": "/{Key+}?blob", "input": 7, "output": 7},
            {"name": "PutForm", "method": "POST", "uri": "/", "input": 10, "output": 10, "wrapper": "PutFormResult"},
            {"name": "PutGrant", "method": "PUT", "uri": "/{Key+}?grant", "input": 9, "output": 9}
        ]
    });
    Model::from_json(table.to_string().as_bytes()).expect("well formed")
}

fn grant() -> Value {
    json!({"Grant": {"Type": "User", "Id": "i", "When": 1440938160, "Names": ["a", "b"], "Tags": {"k": "v", "l": "w"}}})
}

fn there(model: &Model, name: &str, input: &Value) -> HttpRequest {
    let op = model.operation(name).expect("modelled");
    let request = encode_request(model, op, input);
    assert_eq!(parse_input(model, op, &request).as_ref(), Ok(input), "{request:?}");
    request
}

#[test]
fn payloads() {
    for protocol in ["rest-xml", "rest-json"] {
        let model = model(protocol);
        let blob = json!({"Key": "a/b c", "Body": "AQID", "Names": ["x", "y"], "Meta": {"one": "1"}, "Modified": 1440938160});
        let request = there(&model, "PutBlob", &blob);
        assert_eq!((request.path.as_str(), request.query.as_str(), &request.body[..]), ("/a/b%20c", "blob=", &[1, 2, 3][..]));
        assert_eq!(request.header("last-modified"), Some("Sun, 30 Aug 2015 12:36:00 GMT"));
        let op = model.operation("PutBlob").expect("modelled");
        let reply = encode_output(&model, op, &json!({"Body": "AQID", "Code": 206, "Meta": {"one": "1"}}), "id-1");
        assert_eq!((reply.status, reply.header("x-meta-one")), (206, Some("1")));
        assert_eq!(decode_output(&model, op, &reply), Ok(json!({"Body": "AQID", "Code": 206, "Meta": {"one": "1"}})));
        there(&model, "PutGrant", &json!({"Key": "k", "Grant": grant()}));
    }
}

#[test]
fn xml_forms() {
    let model = model("rest-xml");
    let request = there(&model, "PutGrant", &json!({"Key": "k", "Grant": grant()}));
    assert_eq!(
        String::from_utf8_lossy(&request.body),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Holder xmlns=\"urn:holder\"><Grant xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"User\">\
         <Id>i</Id><When>Sun, 30 Aug 2015 12:36:00 GMT</When><Item>a</Item><Item>b</Item>\
         <Tags><K>k</K><V>v</V></Tags><Tags><K>l</K><V>w</V></Tags></Grant></Holder>"
    );
}

#[test]
fn forms() {
    let input = json!({"Flat": ["a"], "Words": ["b", "c"], "Map": {"k": "v"}, "Grant": {"Names": ["n"]}});
    let body = |protocol: &str| String::from_utf8_lossy(&there(&model(protocol), "PutForm", &input).body).into_owned();
    let start = "Action=PutForm&Version=1";
    assert_eq!(
        body("query"),
        format!("{start}&Grant.Item.1=n&Item.1=a&Words.member.1=b&Words.member.2=c&Map.entry.1.K=k&Map.entry.1.V=v")
    );
    assert_eq!(body("ec2"), format!("{start}&Grant.Names.1=n&Flat.1=a&Words.1=b&Words.2=c&Map.1.K=k&Map.1.V=v"));
}
