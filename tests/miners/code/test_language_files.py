"""What each language calls its tests and its generated files, and what a name alone must not drop."""

import pytest

from miners.code.filters import CodeFilters, path_reason
from miners.code.language import language_of, languages_for_path, load

NAMES = {
    "ruby": (["test_set.rb", "set_test.rb", "set_spec.rb"], ["service_pb.rb", "schema.rb"], ["latest.rb", "spec.rb"]),
    "rust": (["tests.rs", "parse_tests.rs"], ["bindings.rs"], ["latest.rs", "testing.rs", "contest.rs"]),
    "c": (
        ["test_list.c", "list-test.c", "TEST_list.c"],
        ["lex.yy.c", "gram.tab.h"],
        ["latest.c", "contest.c", "attest.h"],
    ),
    "cpp": (["ListTest.cpp", "list_unittest.cc"], ["a.pb.h", "moc_main.cpp"], ["latest.cpp", "fastest.hpp"]),
    "csharp": (["ListTests.cs", "Test_List.cs"], ["Form1.Designer.cs", "AssemblyInfo.cs"], ["Contest.cs", "latest.cs"]),
    "kotlin": (["ListTest.kt", "TestList.kt"], ["BuildConfig.kt"], ["Latest.kt", "Testable.kt"]),
    "scala": (["ListSuite.scala", "ListSpec.scala"], [], ["Latest.scala"]),
    "swift": (["ListTests.swift", "TestList.swift"], ["a.pb.swift"], ["Latest.swift"]),
    "lua": (["list_spec.lua", "test_list.lua"], [], ["latest.lua"]),
    "julia": (["runtests.jl", "test_list.jl"], [], ["latest.jl"]),
}


@pytest.mark.parametrize("language", NAMES)
def test_names_of_files(language):
    known, filters = load(language), CodeFilters()
    tests, generated, plain = NAMES[language]
    assert {path_reason(f"src/{name}", known, filters) for name in tests} == {"test"}
    assert {path_reason(f"src/{name}", known, filters) for name in generated} <= {"generated"}
    assert {path_reason(f"src/{name}", known, filters) for name in plain} == {None}


@pytest.mark.parametrize(
    ("source", "language"),
    [
        (b'#ifdef __cplusplus\nextern "C" {\n#endif\nint f(void);\n', "c"),
        (b"/* a class of functions,\n * template < none,\n using the namespace */\nint f(int class);\n", "c"),
        (b"#include <stdio.h>\nstruct list { int public; };\n", "c"),
        (b"#pragma once\nclass Box;\n", "cpp"),
        (b"namespace a {\nint f();\n}\n", "cpp"),
        (b"#include <vector>\nint f();\n", "cpp"),
        (b"  template <typename T>\n  int f(T a);\n", "cpp"),
        (b"inline int f() { return std::max(1, 2); }\n", "cpp"),
    ],
)
def test_a_header_is_of_the_language_that_is_in_it(source, language):
    candidates = languages_for_path("include/list.H")
    assert [known.name for known, _ in candidates] == ["c", "cpp"]
    assert language_of(candidates, "include/list.H", source)[0].name == language


def test_other_extensions_have_one_language_or_none():
    assert [known.name for known, _ in languages_for_path("a.py")] == ["python"]
    assert languages_for_path("a.unknown") == languages_for_path("h") == ()
