import Foundation
import MeterWaldur
import Testing

@testable import meterctl

struct TableTests {
    private func text(_ table: Table, width: Int? = nil, hasColor: Bool = false) -> String {
        TableText(table, on: Screen(width: width, hasColor: hasColor)).text
    }

    @Test func `columns are as wide as they must be, numbers to the right, nothing as a dash`() {
        var table = Table("rows", [.text("tenant"), .number("value"), .text("note")])
        table.add("acme", "1234567", "")
        table.add("日本", "7", "x")
        table.add("e\u{301}👩‍👩‍👧2️⃣", "-12.50", "y")
        #expect(
            text(table) == """
                TENANT      VALUE  NOTE
                acme    1 234 567  -
                日本            7  x
                e\u{301}👩‍👩‍👧2️⃣      -12.50  y

                """
        )
        #expect(text(Table("rows", [.text("a")])) == "")
    }

    @Test func `cells are read from the answer by their paths`() throws {
        let json = try JSONParser.parse(
            Array(#"{"a":{"b":[1,"x"]},"lastSeen":"now","n":null,"t":true,"o":{"k":1}}"#.utf8)
        )
        let columns: [Column] = [
            .text("deep", "a.b"), .text("last seen"), .text("n"), .text("t"), .text("o"),
            .text("gone.too"), .text("both") { $0.cell("lastSeen") + "!" },
        ]
        #expect(columns.map { $0.cell(of: json) } == ["1,x", "now", "", "yes", "k=1", "", "now!"])
        #expect(columns.map(\.key).prefix(2) == ["a.b", "lastSeen"])
    }

    @Test func `CSV and JSON have every column, bare digits and no commands`() {
        var table = Table(
            "rows",
            [.text("tenant"), .number("units per reported"), .text("id").forProgramsOnly]
        )
        table.add("=1+1,\"x\"", "1234567", "7")
        table.add("plain", "-5", "")
        #expect(
            table.csv.components(separatedBy: "\n") == [
                "tenant,unitsPerReported,id", #""'=1+1,""x""",1234567,7"#, "plain,-5,", "",
            ]
        )
        let objects = [
            #"{"tenant":"=1+1,\"x\"","unitsPerReported":"1234567","id":"7"}"#,
            #"{"tenant":"plain","unitsPerReported":"-5","id":null}"#,
        ]
        #expect(table.json == "{\"rows\":[\(objects.joined(separator: ","))]}\n")
        #expect(!text(table).contains("ID"))
    }

    @Test func `sentences are broken before columns are given up`() {
        var table = Table("rows", [.text("what"), .prose("detail"), .number("n")])
        table.add("one", "the quick brown fox jumps over the lazy dog and runs away", "12345")
        let lines = text(table, width: 50).split(separator: "\n")
        #expect(lines.allSatisfy { TextWidth.of(String($0)) <= 50 })
        #expect(lines.count == 3)
        #expect(lines[1].hasPrefix("one   the quick brown"))
        #expect(lines[1].hasSuffix("  12 345"))
        #expect(lines[2].hasPrefix("      ") && lines[2].hasSuffix("away"))
    }

    @Test(arguments: [20, 40, 60, 79])
    func `where it is too narrow every row is a block, and nothing is cut off`(width: Int) {
        let id = "08e0af0778aaa82f54068b457f2f2894"
        var table = Table("rows", [.text("source"), .text("other id"), .number("value")])
        table.add(id, id, "1234567")
        table.add(id, id, "8")
        let shown = text(table, width: width)
        if width >= 79 {
            #expect(shown.split(separator: "\n").count == 3)
        } else {
            #expect(shown.split(separator: "\n", omittingEmptySubsequences: false).count >= 8)
            #expect(shown.contains("\n\nSOURCE    "))
        }
        let bare = shown.filter { !$0.isWhitespace }
        #expect(bare.components(separatedBy: id).count == 5)
        #expect(bare.contains("1234567"))
    }

    @Test func `colour is added to words, and changes no width`() {
        var table = Table("rows", [.state("state"), .text("file")])
        table.add("good", "a")
        table.add("damaged", "b")
        table.add("whatever", "c")
        let plain = text(table)
        let colored = text(table, hasColor: true)
        #expect(colored.contains("\u{1B}[32mgood\u{1B}[0m      a"))
        #expect(colored.contains("\u{1B}[31mdamaged\u{1B}[0m   b"))
        #expect(colored.contains("\nwhatever  c"))
        #expect(colored.replacing(#/\u{1B}\[[0-9]+m/#, with: "") == plain)
    }

    @Test func `no name steers the terminal`() {
        var table = Table("rows", [.text("name")])
        table.add("a\u{1B}[2Jb\u{202E}c\n\u{2028}\u{9B}d")
        #expect(text(table) == "NAME\na\u{FFFD}[2Jb\u{FFFD}c\u{FFFD}\u{FFFD}\u{FFFD}d\n")
        let failure = CommandFailure(.failed, "no \u{1B}[2J", detail: "x\r", next: "y\u{7}")
        #expect(!failure.description.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
    }
}
