//! Replies and refusals as clients see them, one table per question.

use aws_wire::{
    AwsError, HttpRequest, Model, encode_error, encode_error_for, encode_output, encode_output_for, encode_request, parse_input,
    route, validate_input,
};
use http::Method;
use serde_json::{Value, json};

fn model(service: &str) -> &'static Model {
    Model::load(service).expect("a built-in service")
}

fn form(body: &str) -> HttpRequest {
    let mut request = HttpRequest::new(Method::POST, "/");
    request.set_header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    request.body = body.to_owned().into();
    request
}

fn target(target: &str) -> HttpRequest {
    let mut request = HttpRequest::new(Method::POST, "/");
    request.set_header("x-amz-target", target);
    request
}

#[test]
fn routes() {
    let get = |path: &str| HttpRequest::new(Method::GET, path);
    let mut presigned = get("/");
    presigned.query = "Action=GetCallerIdentity&Version=2011-06-15".into();
    let table = [
        ("sts", presigned, "GetCallerIdentity"),
        (
            "sts",
            form("Action=Nope&Version=2011-06-15"),
            "400 InvalidAction: Could not find operation Nope for version 2011-06-15",
        ),
        ("sts", form("Action=AssumeRole&Version=1"), "400 InvalidAction: Could not find operation AssumeRole for version 1"),
        ("sts", form(""), "400 MissingAction: The request is missing an action or a required parameter."),
        ("ec2", form("Action=DescribeVpcs&Version=2016-11-15"), "DescribeVpcs"),
        ("ec2", form("Action=Nope&Version=2016-11-15"), "400 InvalidAction: The action Nope is not valid for this web service."),
        (
            "ec2",
            form("Action=DescribeVpcs&Version=2010-01-01"),
            "400 NoSuchVersion: The requested version (2010-01-01) of service AmazonEC2 does not exist",
        ),
        ("elasticloadbalancing", form("Action=DescribeLoadBalancers&Version=2015-12-01"), "DescribeLoadBalancers"),
        (
            "elasticloadbalancing",
            form("Action=DescribeLoadBalancers&Version=2012-06-01"),
            "400 InvalidAction: Could not find operation DescribeLoadBalancers for version 2012-06-01",
        ),
        ("kms", target("TrentService.CreateKey"), "CreateKey"),
        ("kms", target("TrentService.Nope"), "400 UnknownOperationException: "),
        ("kms", target("AmazonSSM.GetParameter"), "400 UnknownOperationException: "),
        ("eks", get("/clusters"), "ListClusters"),
        ("eks", get("/clusters/c1/access-entries/arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fa%2Fb"), "DescribeAccessEntry"),
        ("eks", get("/clusters/c1/access-entries/a/b"), "403 MissingAuthenticationTokenException: Missing Authentication Token"),
        ("eks", get("/nope"), "403 MissingAuthenticationTokenException: Missing Authentication Token"),
        ("elasticfilesystem", get("/nope"), "404 UnknownOperationException: "),
        ("route53", get("/2013-04-01/hostedzone/Z1/rrset"), "ListResourceRecordSets"),
        ("nope", form("Action=A&Version=1"), "400 InvalidAction: The service nope is not available here."),
    ];
    for (signing_name, request, expected) in table {
        let found = match route(signing_name, &request) {
            Ok((_, op)) => op.name.clone(),
            Err(error) => format!("{} {error}", error.status),
        };
        assert_eq!(found, expected, "{signing_name} {request:?}");
    }
}

#[test]
fn refusals() {
    let table: &[(&str, &str, Value, &str)] = &[
        ("eks", "CreateCluster", json!({"name": "c", "roleArn": "r", "resourcesVpcConfig": {}}), ""),
        (
            "eks",
            "CreateCluster",
            json!({"name": "bad.name", "roleArn": "r", "resourcesVpcConfig": {}}),
            "InvalidParameterException: The parameter name contains invalid characters. It should conform to the regular expression \"^[0-9A-Za-z][A-Za-z0-9\\-_]*\"",
        ),
        (
            "eks",
            "CreateCluster",
            json!({"name": "c", "resourcesVpcConfig": {}}),
            "InvalidParameterException: roleArn cannot be null.",
        ),
        (
            "eks",
            "ListClusters",
            json!({"maxResults": 101}),
            "InvalidParameterException: The max results parameter must be less than or equal to 100.",
        ),
        (
            "ec2",
            "CreateSubnet",
            json!({"CidrBlock": "10.0.0.0/24"}),
            "MissingParameter: The request must contain the parameter VpcId",
        ),
        (
            "ec2",
            "RunInstances",
            json!({"MinCount": 1, "MaxCount": 1, "InstanceType": "huge"}),
            "InvalidParameterValue: Invalid value 'huge' for InstanceType.",
        ),
        (
            "ec2",
            "DescribeVpcs",
            json!({"MaxResults": 4}),
            "InvalidParameterValue: Value (4) for parameter MaxResults is invalid. Expecting a value of at least 5.",
        ),
        (
            "iam",
            "CreateRole",
            json!({"RoleName": "a b", "AssumeRolePolicyDocument": "{}"}),
            "ValidationError: 1 validation error detected: Value 'a b' at 'roleName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+",
        ),
        (
            "iam",
            "CreateRole",
            json!({}),
            "ValidationError: 2 validation errors detected: Value null at 'roleName' failed to satisfy constraint: Member must not be null; Value null at 'assumeRolePolicyDocument' failed to satisfy constraint: Member must not be null",
        ),
        (
            "iam",
            "TagRole",
            json!({"RoleName": "r", "Tags": [{"Key": "k"}]}),
            "ValidationError: 1 validation error detected: Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null",
        ),
        (
            "sts",
            "AssumeRole",
            json!({"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "me", "DurationSeconds": 1}),
            "ValidationError: 1 validation error detected: Value '1' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900",
        ),
        (
            "kms",
            "Decrypt",
            json!({"CiphertextBlob": ""}),
            "ValidationException: 1 validation error detected: Value '' at 'ciphertextBlob' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
        (
            "logs",
            "CreateLogGroup",
            json!({"logGroupName": "a b"}),
            "InvalidParameterException: 1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+",
        ),
        (
            "ssm",
            "PutParameter",
            json!({"Name": "n", "Value": "v", "Type": "Other"}),
            "ValidationException: 1 validation error detected: Value 'Other' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [String, StringList, SecureString]",
        ),
    ];
    for (service, operation, input, expected) in table {
        let op = model(service).operation(operation).expect("modelled");
        let found = validate_input(model(service), op, input).err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(&found, expected, "{service} {operation}");
    }
}

#[test]
fn malformed() {
    let json_body = |service: &str, operation: &str, body: &str| {
        let op = model(service).operation(operation).expect("modelled");
        let mut request = encode_request(model(service), op, &json!({}));
        request.body = body.to_owned().into();
        parse_input(model(service), op, &request)
    };
    let table = [
        ("eks", "CreateCluster", "{\"name\": 1}", "SerializationException: NUMBER_VALUE can not be converted to a String"),
        ("eks", "CreateCluster", "{\"tags\": [1]}", "SerializationException: START_ARRAY can not be converted to a Map"),
        ("eks", "CreateCluster", "{", "SerializationException: Unable to parse the request body as JSON."),
        ("kms", "CreateKey", "[]", "SerializationException: Start of structure or map expected."),
        (
            "ec2",
            "DescribeVpcs",
            "MaxResults=ten",
            "InvalidParameterValue: Value (ten) for parameter MaxResults is invalid. Expected an integer.",
        ),
        (
            "ec2",
            "RunInstances",
            "NetworkInterface.1.DeviceIndex=x",
            "InvalidParameterValue: Value (x) for parameter NetworkInterface.1.DeviceIndex is invalid. Expected an integer.",
        ),
        (
            "sts",
            "AssumeRole",
            "DurationSeconds=1h",
            "MalformedInput: Value (1h) for parameter DurationSeconds is invalid. Expected an integer.",
        ),
        ("route53", "CreateHostedZone", "<a", "MalformedInput: The XML you provided was not well-formed."),
    ];
    for (service, operation, body, expected) in table {
        let found = json_body(service, operation, body).expect_err(operation).to_string();
        assert_eq!(found, expected, "{service} {operation} {body}");
    }
}

#[test]
fn error_replies() {
    let missing =
        |service: &str| AwsError::modelled(model(service), "ResourceNotFoundException", "No cluster found for name: c.");
    let table = [
        (
            "eks",
            missing("eks").with_member("clusterName", "c"),
            404,
            "application/json",
            "{\"clusterName\":\"c\",\"message\":\"No cluster found for name: c.\"}",
        ),
        (
            "efs",
            AwsError::modelled(model("efs"), "FileSystemNotFound", "gone"),
            404,
            "application/json",
            "{\"ErrorCode\":\"FileSystemNotFound\",\"Message\":\"gone\"}",
        ),
        (
            "kms",
            AwsError::modelled(model("kms"), "NotFoundException", "no key"),
            400,
            "application/x-amz-json-1.1",
            "{\"__type\":\"NotFoundException\",\"message\":\"no key\"}",
        ),
        (
            "iam",
            AwsError::modelled(model("iam"), "NoSuchEntity", "no <role>"),
            404,
            "text/xml",
            "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type><Code>NoSuchEntity</Code>\
             <Message>no &lt;role&gt;</Message></Error><RequestId>id-1</RequestId></ErrorResponse>",
        ),
        (
            "ec2",
            AwsError::new("InvalidVpcID.NotFound", "The vpc ID 'vpc-1' does not exist"),
            400,
            "text/xml;charset=UTF-8",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>InvalidVpcID.NotFound</Code>\
             <Message>The vpc ID 'vpc-1' does not exist</Message></Error></Errors><RequestID>id-1</RequestID></Response>",
        ),
        (
            "route53",
            AwsError::modelled(model("route53"), "NoSuchHostedZone", "none"),
            404,
            "text/xml",
            "<ErrorResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Error><Type>Sender</Type><Code>NoSuchHostedZone</Code>\
             <Message>none</Message></Error><RequestId>id-1</RequestId></ErrorResponse>",
        ),
    ];
    for (service, error, status, kind, body) in table {
        let reply = encode_error(model(service), &error, "id-1");
        assert_eq!((reply.status, reply.header("content-type")), (status, Some(kind)), "{service}");
        assert_eq!(String::from_utf8_lossy(&reply.body), body, "{service}");
    }
    let reply = encode_error(model("eks"), &missing("eks"), "id-1");
    assert_eq!(reply.header("x-amzn-errortype"), Some("ResourceNotFoundException"));
}

#[test]
fn not_built() {
    let table = [
        ("sts", "GetFederationToken", "UnsupportedOperation"),
        ("ec2", "AcceptVpcPeeringConnection", "UnsupportedOperation"),
        ("kms", "CreateCustomKeyStore", "UnsupportedOperationException"),
        ("eks", "CreateAddon", "InvalidRequestException"),
        ("eks", "ListAccessPolicies", "UnsupportedOperationException"),
        ("route53", "CreateTrafficPolicy", "UnsupportedOperation"),
    ];
    for (service, operation, code) in table {
        let error = AwsError::not_implemented(model(service), model(service).operation(operation).expect("modelled"));
        assert_eq!(
            (error.code.as_str(), error.status, error.message.as_str()),
            (code, 400, "The requested operation is not supported.")
        );
    }
}

#[test]
fn replies() {
    let reply = |service: &str, operation: &str, value: Value| {
        let op = model(service).operation(operation).expect("modelled");
        String::from_utf8_lossy(&encode_output(model(service), op, &value, "id-1").body).into_owned()
    };
    let vpcs = json!({"Vpcs": [{"VpcId": "vpc-1", "IsDefault": true, "Tags": []}]});
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    let ec2 = "xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>id-1</requestId>";
    assert_eq!(
        reply("ec2", "DescribeVpcs", vpcs),
        format!(
            "{head}<DescribeVpcsResponse {ec2}<vpcSet><item><isDefault>true</isDefault><tagSet/><vpcId>vpc-1</vpcId></item></vpcSet></DescribeVpcsResponse>"
        )
    );
    assert_eq!(
        reply("ec2", "DeleteVpc", json!({})),
        format!("{head}<DeleteVpcResponse {ec2}<return>true</return></DeleteVpcResponse>")
    );
    assert_eq!(
        reply("iam", "DeleteRole", json!({})),
        "<DeleteRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></DeleteRoleResponse>"
    );
    assert_eq!(
        reply("eks", "DescribeCluster", json!({"cluster": {"name": "c", "createdAt": 1440938160.25, "typo": 1, "tags": null}})),
        "{\"cluster\":{\"createdAt\":1440938160.25,\"name\":\"c\"}}"
    );
    let identity = json!({"UserId": "AIDA", "Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/a"});
    let inner = "<UserId>AIDA</UserId><Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/a</Arn>";
    assert_eq!(
        reply("sts", "GetCallerIdentity", identity.clone()),
        format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>{inner}\
             </GetCallerIdentityResult><ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
        )
    );
}

/// aws-iam-authenticator asks STS for JSON.
#[test]
fn json_from_sts() {
    let sts = model("sts");
    let op = sts.operation("GetCallerIdentity").expect("modelled");
    let mut request = HttpRequest::new(Method::GET, "/");
    request.query = "Action=GetCallerIdentity&Version=2011-06-15".into();
    request.set_header("accept", "text/plain, application/json;q=0.9");
    let reply = encode_output_for(&request, sts, op, &json!({"UserId": "AIDA", "Account": "1", "Arn": "a"}), "id-1");
    let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
    let result = json!({"UserId": "AIDA", "Account": "1", "Arn": "a"});
    assert_eq!(
        body,
        json!({"GetCallerIdentityResponse": {"GetCallerIdentityResult": result, "ResponseMetadata": {"RequestId": "id-1"}}})
    );
    let error = AwsError::new("ExpiredToken", "old").with_status(403);
    let reply = encode_error_for(&request, sts, &error, "id-1");
    let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(
        (reply.status, body),
        (403, json!({"Error": {"Type": "Sender", "Code": "ExpiredToken", "Message": "old"}, "RequestId": "id-1"}))
    );
    request.set_header("accept", "*/*");
    assert!(encode_error_for(&request, sts, &error, "id-1").body.starts_with(b"<ErrorResponse"));
}
