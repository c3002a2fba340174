import Meter
import Testing

struct CSVTextTests {
    private func line(_ cell: CSVText.Cell) -> String {
        var table = CSVText(["x"])
        table.add([cell])
        return String(decoding: table.bytes.dropFirst(3), as: UTF8.self)
    }

    @Test(arguments: [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1", "'  =1"), ("\t=1", "'\t=1"), ("=a,b", "\"'=a,b\""), ("bot", "bot"),
        ("a=b", "a=b"), ("", ""), ("a\"b", "\"a\"\"b\""), ("a,b", "\"a,b\""),
        ("a\r\nb", "\"a\r\nb\""), ("büro-1", "büro-1"),
    ])
    func `text is quoted, and nothing of it is a formula`(text: String, expected: String) {
        #expect(line(.text(text)) == expected + "\r\n")
    }

    @Test func `figures stay figures`() {
        #expect(line(.plain("-12.50")) == "-12.50\r\n")
        #expect(line(.number(UInt128.max)) == "\(UInt128.max)\r\n")
        #expect(line(.none) == "\r\n")
    }

    @Test(arguments: ["＝1", "＋1", "－1", "＠x", "\n=1", "\r=1", "-", "-1e5", "--5"])
    func `whatever a spreadsheet might run is only read`(text: String) {
        let cell = line(.text(text))
        #expect(cell.hasPrefix("'") || cell.hasPrefix("\"'"), "\(cell)")
    }

    @Test func `nothing of it steers a terminal`() {
        #expect(line(.text("a\u{1B}[2J\u{9B}b\0")) == "a\u{FFFD}[2J\u{FFFD}b\u{FFFD}\r\n")
    }

    @Test func `lines end as the reader wants them`() {
        var table = CSVText(["a", "b"], lineEnd: .unix)
        table.add([.none, .plain("x y")])
        #expect(String(decoding: table.bytes, as: UTF8.self) == "a,b\n,x y\n")
    }
}
