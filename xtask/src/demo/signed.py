"""Sends one signed request that no stock client would send, with the stock client's own signer, and prints the answer.

usage: signed.py SERVICE METHOD PATH [--skew SECONDS] < body
"""
import argparse
import datetime
import os
import ssl
import sys
import urllib.error
import urllib.request

try:
    from awscli.botocore import auth, awsrequest
    from awscli.botocore import credentials as keys
except ImportError:  # before 1.46 the client did not carry its own copy
    from botocore import auth, awsrequest
    from botocore import credentials as keys

arguments = argparse.ArgumentParser()
arguments.add_argument("service")
arguments.add_argument("method")
arguments.add_argument("path")
arguments.add_argument("--skew", type=int, default=0, help="seconds by which the client's clock is wrong")
options = arguments.parse_args()

if options.skew:
    shifted = lambda *_, **__: datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=options.skew)
    auth.get_current_datetime = shifted

credentials = keys.Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
url = os.environ["AWS_ENDPOINT_URL"] + options.path
body = sys.stdin.buffer.read()
form = options.service in ("sts", "iam", "ec2")
kind = "application/x-www-form-urlencoded; charset=utf-8" if form else "application/json"
request = awsrequest.AWSRequest(options.method, url, data=body, headers={"Content-Type": kind})
auth.SigV4Auth(credentials, options.service, os.environ["AWS_DEFAULT_REGION"]).add_auth(request)
prepared = request.prepare()
plain = urllib.request.Request(url, data=body or None, method=options.method, headers=dict(prepared.headers.items()))
try:
    answer = urllib.request.urlopen(plain, timeout=10, context=ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"]))
except urllib.error.HTTPError as refused:
    answer = refused
print(answer.status)
print(answer.headers)
print(answer.read().decode())
