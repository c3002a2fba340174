import Meter
import Testing

struct CSVTextTests {
    @Test(arguments: [
        ("", ""), ("acme", "acme"), ("a b", "a b"), ("a,b", "\"a,b\""),
        ("say \"x\"", "\"say \"\"x\"\"\""), ("two\nlines", "\"two\nlines\""), (" x", "\" x\""),
        ("x ", "\"x \""), ("日本", "日本"),
    ])
    func `cells are quoted where they must be`(value: String, cell: String) {
        #expect(CSVText.cell(value) == cell)
    }

    @Test(arguments: [
        "=1+1", "+1", "@SUM(A1)", "-1+1", "-", "-=x", "--5", "-1.", "-.5", "-1e5", "-1.2.3",
        "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x",
    ])
    func `a cell that a spreadsheet would run is only read`(value: String) {
        let cell = CSVText.cell(value)
        #expect(cell.hasPrefix("'") || cell.hasPrefix("\"'"), "\(cell)")
        #expect(cell.contains(value))
    }

    @Test(arguments: ["0", "-1", "-12.50", "1234567", "36893488147419103232"])
    func `numbers stay numbers`(value: String) {
        #expect(CSVText.cell(value) == value)
    }

    @Test func `nothing in it steers a terminal`() {
        #expect(CSVText.cell("a\u{1B}[2J\u{9B}b\0") == "a\u{FFFD}[2J\u{FFFD}b\u{FFFD}")
    }

    @Test func `lines follow the line of names`() {
        var csv = CSVText(["tenant", "value"])
        csv.add(["a,b", "-5"])
        csv.add(["", ""])
        #expect(csv.text == "tenant,value\n\"a,b\",-5\n,\n")
    }
}
