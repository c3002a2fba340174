import Meter
import Testing

@testable import MeterServer

struct AnswerFormatTests {
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
