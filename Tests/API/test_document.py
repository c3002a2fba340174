"""Documentation/openapi.yaml, before any server runs: what real tools need of it.

That it lists the server's routes and nothing else is held by DocumentTests of MeterServerTests.
"""

import pathlib
import unittest

import openapi_spec_validator
import yaml

DOCUMENT = pathlib.Path(__file__).parents[2] / "Documentation" / "openapi.yaml"
METHODS = {"get", "put", "post", "delete"}


def operations(document):
    """(path, method, operation) of every operation."""
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            yield path, method, item[method]


class DocumentTests(unittest.TestCase):
    def setUp(self):
        self.document = yaml.safe_load(DOCUMENT.read_text())

    def test_is_valid_openapi_3_1(self):
        self.assertRegex(self.document["openapi"], r"^3\.1\.")
        openapi_spec_validator.validate(self.document)

    def test_the_validator_bites(self):
        del self.document["paths"]["/healthz"]["get"]["responses"]
        self.document["paths"]["/healthz"]["get"]["summary"] = 1
        with self.assertRaises(Exception):
            openapi_spec_validator.validate(self.document)

    def test_every_operation_has_a_name_of_its_own(self):
        names = [operation["operationId"] for _, _, operation in operations(self.document)]
        self.assertGreater(len(names), 20)
        self.assertEqual(len(names), len(set(names)))

    def test_every_operation_that_needs_a_key_says_how_it_refuses(self):
        for path, method, operation in operations(self.document):
            with self.subTest(f"{method} {path}"):
                responses = operation["responses"]
                self.assertTrue(any(status.startswith("2") for status in responses))
                if operation.get("security") != []:
                    self.assertIn("401", responses)
                    self.assertIn("403", responses)

    def test_every_part_of_a_path_is_a_parameter(self):
        shared = self.document["components"]["parameters"]
        for path, method, operation in operations(self.document):
            with self.subTest(f"{method} {path}"):
                parts = {part[1:-1] for part in path.split("/") if part.startswith("{")}
                named = [
                    shared[parameter["$ref"].rsplit("/", 1)[1]] if "$ref" in parameter else parameter
                    for parameter in operation.get("parameters", [])
                ]
                self.assertEqual(parts, {p["name"] for p in named if p["in"] == "path"})


if __name__ == "__main__":
    unittest.main()
