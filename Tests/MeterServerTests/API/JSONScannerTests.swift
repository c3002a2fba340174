import Testing

@testable import MeterServer

struct JSONScannerTests {
    private func skip(_ text: String) throws(JSONError) {
        var scanner = JSONScanner(Array(text.utf8))
        try scanner.skip()
        try scanner.end()
    }

    @Test(arguments: [
        "{}", "[]", "null", "true", "false", "0", "-0", "12", "1.5", "1e9", "1E-9", "-0.25e+3",
        "\"\"", "\"a\\n\\u00e9\\ud83d\\ude00\"", "\"é😀\"", " \t\r\n[1 , 2 ]\n",
        "{\"a\":{\"b\":[{},[],[[1]],\"x\"]},\"c\":null}", "[[],[]]", "{\"a\":1,\"a\":2}",
    ])
    func `what JSON allows is passed over whole`(text: String) throws {
        try skip(text)
    }

    @Test(arguments: [
        "", " ", "{", "[", "[1", "[1,", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
        "{a:1}", "{'a':1}", "{1:1}", "nul", "nulll", "True", "NaN", "Infinity", "01", "-01", "1.",
        ".5", "+1", "1e", "1e+", "--1", "-", "0x10", "\"", "\"a", "\"\\x\"", "\"\\u12\"",
        "\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83d\\u0041\"", "\"a\nb\"", "\"a\u{0}b\"", "1 2",
        "{} {}", "[1]]", "{\"a\":1]", "[1}", "[1 2]", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "//x\n1",
        "\u{FEFF}{}",
    ])
    func `what JSON does not allow is refused`(text: String) {
        #expect(throws: JSONError.self) { try skip(text) }
    }

    @Test(
        arguments: [
            [0x22, 0xC3, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xE0, 0x80, 0x80, 0x22],
            [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22],
            [0x22, 0xF5, 0x80, 0x80, 0x80, 0x22], [0x22, 0x80, 0x22], [0x22, 0xFF, 0x22],
            [0x22, 0xE2, 0x82, 0x22], [0x22, 0xF0, 0x9F, 0x98, 0x22],
        ] as [[UInt8]]
    )
    func `text that is not UTF-8 is refused`(bytes: [UInt8]) {
        var scanner = JSONScanner(bytes)
        #expect(throws: JSONError.self) { try scanner.skip() }
    }

    @Test func `nesting is bounded`() throws {
        let deepest = JSONScanner.depthMax
        try skip(String(repeating: "[", count: deepest) + String(repeating: "]", count: deepest))
        let tooDeep = String(repeating: "[", count: deepest + 1)
        #expect(throws: JSONError(.tooDeep, at: deepest + 1)) { try skip(tooDeep) }
        #expect(throws: JSONError.self) {
            try skip(String(repeating: "{\"a\":", count: 1_000_000))
        }
    }

    @Test func `escapes stand for their characters`() throws {
        var scanner = JSONScanner(Array(#""\"\\\/\b\f\n\r\tA\u00e9\u20AC\ud83d\ude00z""#.utf8))
        let text = try scanner.text()
        #expect(scanner.string(of: text) == "\"\\/\u{8}\u{C}\n\r\tAé€😀z")
        #expect(text.hasEscapes)
    }

    @Test func `a name is recognised however it is written`() throws {
        for written in [#""time""#, #""\u0074ime""#] {
            var scanner = JSONScanner(Array(written.utf8))
            let name = try scanner.text()
            #expect(scanner.equals(name, "time"))
            #expect(!scanner.equals(name, "times"))
            #expect(!scanner.equals(name, "tim"))
        }
    }

    /// Every prefix of a good text is bad, and never a crash.
    @Test func `a text cut anywhere is refused`() {
        let text = Array(#"[{"id":"a\u00e9","data":{"amounts":{"x":12}}}]"#.utf8)
        for count in 0..<text.count {
            var scanner = JSONScanner(Array(text[..<count]))
            #expect(throws: JSONError.self) {
                try scanner.skip()
                try scanner.end()
            }
        }
    }

    @Test func `numbers keep every digit`() throws {
        func natural(_ text: String) -> Result<UInt64, JSONNumber.Refusal> {
            Result { () throws(JSONNumber.Refusal) in
                var scanner = JSONScanner(Array(text.utf8))
                guard let number = try? scanner.number() else { throw .notAnInteger }
                return try number.natural()
            }
        }
        #expect(natural("0") == .success(0))
        #expect(natural("-0") == .success(0))
        #expect(natural("9007199254740993") == .success(9_007_199_254_740_993))
        #expect(natural("9223372036854775807") == .success(UInt64(Int64.max)))
        #expect(natural("9223372036854775808") == .failure(.tooLarge))
        #expect(natural("99999999999999999999999999") == .failure(.tooLarge))
        #expect(natural("-1") == .failure(.negative))
        #expect(natural("1.0") == .failure(.notAnInteger))
        #expect(natural("1e3") == .failure(.notAnInteger))
    }

    @Test func `decimal strings are digits and nothing else`() {
        func natural(_ text: String) -> Result<UInt64, JSONNumber.Refusal> {
            Result { () throws(JSONNumber.Refusal) in
                try JSONNumber.natural(decimalString: Array(text.utf8)[...])
            }
        }
        #expect(natural("0") == .success(0))
        #expect(natural("9223372036854775807") == .success(UInt64(Int64.max)))
        #expect(natural("9223372036854775808") == .failure(.tooLarge))
        #expect(natural("-5") == .failure(.negative))
        for bad in ["", "-", "+5", "05", " 5", "5 ", "5.0", "1e3", "0x5", "٥", "-x"] {
            #expect(natural(bad) == .failure(.notAnInteger), "\(bad)")
        }
    }

    @Test func `what is written is read again`() throws {
        let output: JSONOutput = [
            "text": "quote \" backslash \\ line\nfeed \u{1} é😀", "list": [.integer(-3), .null],
            "flag": .boolean(true), "empty": .object([]),
        ]
        var scanner = JSONScanner(output.encoded)
        #expect(try scanner.peek() == .object)
        let name = try #require(try scanner.firstMember())
        #expect(scanner.equals(name, "text"))
        _ = try scanner.peek()
        let text = try scanner.text()
        #expect(scanner.string(of: text) == "quote \" backslash \\ line\nfeed \u{1} é😀")
        var whole = JSONScanner(output.encoded)
        try whole.skip()
        try whole.end()
    }
}
