import Meter
import Testing

@testable import MeterServer

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

    @Test(arguments: [
        ("", "json"), ("*/*", "json"), ("text/csv", "csv"), ("Text/CSV; charset=utf-8", "csv"),
        ("text/csv, */*;q=0.1", "csv"), ("application/json, text/csv", "json"),
        ("application/json;q=0.5, text/csv", "csv"), ("text/*", "csv"), ("text/html", "json"),
        ("text/csv;q=0", "json"), ("text/csv;q=x", "csv"), (",;,", "json"),
    ])
    func `the format is what the caller prefers`(accept: String, expected: String) throws {
        let call = APICall(
            caller: .localAdministrator,
            path: "/",
            query: try QueryItems(""),
            accept: accept
        )
        #expect(try AnswerFormat(call).rawValue == expected)
        let named = APICall(
            caller: .localAdministrator,
            path: "/",
            query: try QueryItems("format=csv"),
            accept: accept
        )
        #expect(try AnswerFormat(named) == .csv)
    }

    @Test(arguments: ["format=xml", "format=", "format=csv&format=csv"])
    func `a format that is not known is refused`(query: String) throws {
        let call = APICall(caller: .localAdministrator, path: "/", query: try QueryItems(query))
        #expect(throws: Problem.self) { try AnswerFormat(call) }
    }
}
