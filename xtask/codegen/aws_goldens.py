"""Writes the goldens of crates/aws-wire/tests: requests that botocore itself made and signed, and AWS's published SigV4 cases.

Run with the Python of the environment that `cargo xtask codegen aws` made:
    target/codegen/botocore-*/bin/python3 xtask/codegen/aws_goldens.py [--all]
With --all every operation of every service is written, for a check by hand; that file is not meant to be committed.
All keys in here are AWS's own published examples.
"""

import base64
import datetime
import io
import json
import pathlib
import random
import subprocess
import sys
import tarfile
import tempfile
import uuid

import botocore
import botocore.auth
import botocore.config
import botocore.session

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "crates/aws-wire/tests/goldens"
SERVICES = "autoscaling ec2 ecr efs eks eks-auth elbv2 iam kms logs route53 ssm sts".split()
PER_SERVICE = 6
ALWAYS = {"CreateCluster", "ListTagsForResource", "RunInstances", "DescribeInstances", "CreateRole", "AssumeRole", "GetCallerIdentity",
          "ChangeResourceRecordSets", "AssumeRoleWithWebIdentity", "CreateLoadBalancer", "AuthorizeSecurityGroupIngress", "CreateAutoScalingGroup", "PutLogEvents"}
NOW = datetime.datetime(2015, 8, 30, 12, 36, 0, tzinfo=datetime.timezone.utc)
KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "example/session+token=="
TEXT = ["plain", "two words", "a/b+c=d&e%f", "<x> \"y\" 'z'", "héllo ☃", "1.5.2", "*~-_"]
# Members that botocore rewrites on the way (base64), and operations that it extends (a presigned URL of its own).
REWRITTEN = {"UserData"}
# Route 53 names that botocore shortens to what follows their last slash.
STRIPPED = {"ResourceId", "DelegationSetId", "ChangeId"}
EXTENDED = {"CopySnapshot"}


class Sampler:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def value(self, shape, depth=0, ascii_only=False):
        """The value for botocore, and the same as the codec has it."""
        kind = shape.type_name
        if kind == "structure":
            return self.structure(shape, depth)
        if kind == "list":
            count = 0 if depth > 5 else self.random.choice([1, 2])
            pairs = [self.value(shape.member, depth + 1, ascii_only) for _ in range(count)]
            pairs = [pair for pair in pairs if pair[0] not in ({}, [])]
            return [a for a, _ in pairs], [b for _, b in pairs]
        if kind == "map":
            keys = [self.text(shape.key, False) for _ in range(self.random.choice([1, 2]))]
            pairs = {key: self.value(shape.value, depth + 1) for key in keys}
            return {k: a for k, (a, _) in pairs.items()}, {k: b for k, (_, b) in pairs.items()}
        if kind == "timestamp":
            seconds = self.random.randrange(1_000_000_000, 1_900_000_000)
            return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc), seconds
        if kind == "blob":
            data = self.random.randbytes(5)
            return data, base64.b64encode(data).decode()
        if kind == "boolean":
            value = self.random.choice([True, False])
        elif kind in ("integer", "long"):
            value = self.random.randrange(1, 2**31 if kind == "integer" else 2**40)
        elif kind in ("float", "double"):
            value = self.random.choice([0.5, 1.25, 3.0])
        else:
            value = self.text(shape, ascii_only)
        return value, value

    def text(self, shape, ascii_only):
        if shape.name in STRIPPED:
            return "Z1"
        if getattr(shape, "enum", None):
            return self.random.choice(shape.enum)
        return self.random.choice(TEXT[:4] if ascii_only else TEXT)

    def structure(self, shape, depth):
        native, codec = {}, {}
        for name, member in shape.members.items():
            needed = name in shape.required_members or member.serialization.get("location") or member.metadata.get("idempotencyToken")
            if name in REWRITTEN or (depth > 3 and not needed) or depth > 6:
                continue
            if not needed and self.random.random() < 0.3:
                continue
            value = self.value(member, depth + 1, ascii_only="location" in member.serialization)
            if member.type_name in ("structure", "list", "map") and not value[0]:
                continue
            native[name], codec[name] = value
            if shape.metadata.get("union"):
                break
        return native, codec


class Captured(Exception):
    pass


def freeze():
    botocore.auth.get_current_datetime = lambda: NOW
    stream = random.Random(0)
    uuid.uuid4 = lambda: uuid.UUID(int=stream.getrandbits(128), version=4)


def client(service, token=None):
    session = botocore.session.Session()
    config = botocore.config.Config(parameter_validation=False, disable_request_compression=True, retries={"max_attempts": 0})
    made = session.create_client(service, region_name="us-east-1", aws_access_key_id=KEY, aws_secret_access_key=SECRET,
                                 aws_session_token=token, config=config)

    def capture(request, **_):
        raise Captured(request)

    made.meta.events.register("before-send", capture)
    return made


def text(value):
    return value.decode() if isinstance(value, bytes) else value or ""


def request_row(request):
    scheme_host, _, query = request.url.partition("?")
    path = "/" + scheme_host.split("://", 1)[1].partition("/")[2]
    headers = {name.lower(): text(value) for name, value in request.headers.items()}
    signed = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";") if "authorization" in headers else []
    kept = {name: value for name, value in headers.items() if name in signed or name in ("authorization", "content-type")}
    kept["host"] = scheme_host.split("://", 1)[1].partition("/")[0]
    body = request.body if not hasattr(request.body, "read") else request.body.read()
    return {"method": request.method, "path": path, "query": query, "headers": sorted(kept.items()), "body": text(body)}


def requests(everything):
    rows = []
    for service in SERVICES:
        made = client(service, TOKEN if service in ("eks", "iam") else None)
        model = made.meta.service_model
        names = sorted(model.operation_names)
        picked = set(names) - EXTENDED if everything else set(random.Random(service).sample(names, min(PER_SERVICE, len(names)))) | (ALWAYS & set(names))
        for name in sorted(picked):
            operation = model.operation_model(name)
            native, codec = Sampler(service + name).structure(operation.input_shape, 0) if operation.input_shape else ({}, {})
            try:
                made._make_api_call(name, native)
            except Captured as captured:
                rows.append({"service": service, "operation": name, "input": codec, "request": request_row(captured.args[0])})
    return rows


def token():
    """What `aws eks get-token --cluster-name my-cluster` prints."""
    made = client("sts", TOKEN)

    def add_header(request, **_):
        request.headers["x-k8s-aws-id"] = "my-cluster"

    made.meta.events.register("before-sign.sts.GetCallerIdentity", add_header)
    url = made.generate_presigned_url("get_caller_identity", Params={}, ExpiresIn=60, HttpMethod="GET")
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def suite():
    """The published cases, which botocore's source distribution carries."""
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        download = [sys.executable, "-m", "pip", "download", "-q", "--no-binary", ":all:", "--no-deps", "-d", temporary]
        subprocess.run([*download, f"botocore=={botocore.__version__}"], check=True)
        with tarfile.open(next(pathlib.Path(temporary).glob("botocore-*.tar.gz"))) as archive:
            members = {m.name: m for m in archive.getmembers() if "/aws4_testsuite/" in m.name}
            for name in sorted(n for n in members if n.endswith(".req")):
                read = lambda n: archive.extractfile(members[n]).read().decode().replace("\r", "")
                rows.append(case(name.rsplit("/", 1)[1][:-4], read(name), read(name[:-4] + ".authz"), read(name[:-4] + ".creq")))
    return rows


def case(name, raw, authorization, canonical):
    head, _, body = raw.partition("\n\n")
    first, *lines = head.split("\n")
    method, target = first.split(" ", 1)
    target = target.rsplit(" ", 1)[0]
    headers = []
    for line in lines:
        if line[:1] == " ":
            headers[-1][1] += " " + line.strip()
        elif line:
            key, value = line.split(":", 1)
            headers.append([key.lower(), value])
    # The case of a signer that adds the session token itself.
    token = [line.split(":", 1) for line in canonical.split("\n") if line.startswith("x-amz-security-token:")]
    headers += [pair for pair in token if pair[0] not in [name for name, _ in headers]]
    path, _, query = target.partition("?")
    request = {"method": method, "path": path, "query": query, "headers": headers + [["authorization", authorization.strip()]], "body": body}
    return {"name": name, "request": request}


def write(name, value):
    rows = ",\n".join(json.dumps(row, ensure_ascii=False, sort_keys=True) for row in value)
    (OUT / name).write_text(f"[\n{rows}\n]\n")


def main():
    freeze()
    OUT.mkdir(parents=True, exist_ok=True)
    if "--all" in sys.argv:
        write("all_requests.json", requests(True))
        return
    write("botocore_requests.json", requests(False))
    write("sigv4_suite.json", suite())
    write("token.json", [token()])


if __name__ == "__main__":
    main()
