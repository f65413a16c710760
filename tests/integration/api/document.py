"""The OpenAPI document: whole by itself, and what every answer of a live gateway is held against."""

import json
import re

import jsonschema

FREE_FORM = {  # objects that may have any member, and why
    "profiles": "of an ACME policy: whatever its maker calls them",
    "commands": "of an ACME binding: one for each client",
    "variables": "of a credential or a template: whatever their maker calls them",
    "Subject": "attribute types of X.509",
    "credential": "what the browser's WebAuthn gives, with its extensions",
    "publicKey": "what the browser's WebAuthn is given",
    "fixed": "attribute types of X.509",
    "fields": "what an organisation defines",
    "expression": "attribute types of X.509",
    "details": "what an event says depends on its code",
    "openapi.json": "OpenAPI's own shape",
}


class Document:
    def __init__(self, text):
        self.document = text
        self.operations = []  # (method, pattern, path, operation)
        for path, item in text["paths"].items():
            shared = item.get("parameters", [])
            for method, operation in item.items():
                if method == "parameters":
                    continue
                operation = dict(operation, parameters=shared + operation.get("parameters", []))
                pattern = re.compile("^" + re.sub(r"\{[a-z]+\}", "[^/]+", path) + "$")
                self.operations.append((method.upper(), pattern, path, operation))
        # The literal path first: requests/batch before requests/{id}.
        self.operations.sort(key=lambda entry: entry[2].count("{"))

    def find(self, method, path):
        for candidate, pattern, template, operation in self.operations:
            if candidate == method and pattern.match(path):
                return template, operation
        raise AssertionError(f"{method} {path} is not in the document")

    def resolve(self, value):
        while "$ref" in value:
            target = self.document
            for part in value["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            value = target
        return value

    def validate(self, schema, value):
        whole = dict(schema, components=self.document["components"])
        errors = list(jsonschema.Draft202012Validator(whole).iter_errors(value))
        assert not errors, "\n".join(
            f"{'/'.join(map(str, e.absolute_path)) or 'body'}: {e.message[:300]}" for e in errors[:5]
        )

    def check_response(self, method, path, status, headers, body):
        """The answer is one that the document promises."""
        template, operation = self.find(method, path)
        where = f"{method} {template} -> {status}"
        responses = operation["responses"]
        response = self.resolve(responses.get(str(status), responses["default"]))
        if str(status) not in responses:
            assert status >= 400, f"{where}: the status is not documented"
        for name in response.get("headers", {}):
            if name not in ("Link", "Set-Cookie"):
                assert name in headers, f"{where}: the header {name} is missing"
        content = response.get("content")
        if content is None:
            assert body == b"", f"{where}: a body where none is documented"
            return None
        kind = headers.get("Content-Type", "").split(";")[0]
        assert kind in content, f"{where}: the content type {kind!r} is not documented"
        if not kind.endswith("json"):
            return body
        value = json.loads(body)
        try:
            self.validate(content[kind]["schema"], value)
        except AssertionError as error:
            raise AssertionError(f"{where}: {error}") from None
        return value

    # -- the document by itself --

    def check_itself(self):
        assert self.document["openapi"].startswith("3.1.")
        self.check_references(self.document, "")
        self.check_operations()
        for name, schema in self.document["components"]["schemas"].items():
            jsonschema.Draft202012Validator.check_schema(schema)
            self.check_strict(schema, name)

    def check_references(self, value, where):
        if isinstance(value, list):
            for item in value:
                self.check_references(item, where)
        if isinstance(value, dict):
            if "$ref" in value:
                try:
                    self.resolve(value)
                except KeyError as error:
                    raise AssertionError(f"{where}: {value['$ref']} does not exist") from error
            for name, member in value.items():
                self.check_references(member, f"{where}/{name}")

    def check_strict(self, schema, where):
        """Every object says that it has no other members."""
        if not isinstance(schema, dict):
            return
        if schema.get("type") == "object" and where.split("/")[-1] not in FREE_FORM:
            if "/oneOf" not in where or "properties" in schema:
                assert schema.get("additionalProperties") is False, f"{where} is open"
                for name in schema.get("required", []):
                    assert name in schema["properties"], f"{where}: {name} is required and unknown"
        for name, member in schema.get("properties", {}).items():
            self.check_strict(member, f"{where}/{name}")
        for combination in ("oneOf", "anyOf"):
            for member in schema.get(combination, []):
                self.check_strict(member, f"{where}/{combination}")
        self.check_strict(schema.get("items"), f"{where}/items")

    def check_operations(self):
        tags = {tag["name"] for tag in self.document["tags"]}
        ids = set()
        for method, _, path, operation in self.operations:
            where = f"{method} {path}"
            assert operation["operationId"] not in ids, f"{where}: its operationId is taken"
            ids.add(operation["operationId"])
            assert operation["summary"], where
            assert set(operation["tags"]) <= tags, where
            parameters = [self.resolve(p) for p in operation["parameters"]]
            in_path = {p["name"] for p in parameters if p["in"] == "path"}
            assert in_path == set(re.findall(r"\{([a-z]+)\}", path)), f"{where}: path parameters"
            assert any(status.startswith("2") for status in operation["responses"]), where
