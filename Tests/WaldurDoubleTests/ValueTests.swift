import Foundation
import Testing

@testable import WaldurDouble

@Suite struct ValueTests {
    @Test func `prices go out as Python writes floats`() throws {
        let expected = [
            "0.000003125": "3.125e-06", "0.0001": "0.0001", "0.00001": "1e-05", "20": "20.0",
            "0.00625": "0.00625", "-0.04": "-0.04", "0": "0.0", "123456789012.5": "123456789012.5",
        ]
        for (decimal, text) in expected {
            #expect(PythonFloat.json(try #require(Decimal10(decimal))).text == text)
        }
        #expect(PythonFloat.text(1e16) == "1e+16")
        #expect(PythonFloat.text(0.30000000000000004) == "0.30000000000000004")
    }

    @Test func `costs are rounded up, away from zero`() throws {
        func cost(_ price: String, _ quantity: String) throws -> String {
            let price = try #require(Decimal10(price))
            return price.timesRoundedUp(try #require(Decimal10(quantity))).text(places: 2)
        }
        #expect(try cost("0.0000000001", "0.01") == "0.01")
        #expect(try cost("0.00625", "-5") == "-0.04")
        #expect(try cost("0.02", "-5.01") == "-0.11")
        #expect(try cost("0.00625", "1000.5") == "6.26")
        #expect(try cost("2", "0") == "0.00")
        #expect(
            try cost("99999999999.9999999999", "999999999999.99") == "99999999999998999999900.01"
        )
    }

    @Test func `moments agree with Foundation's calendar`() throws {
        var random = SeededRandom(state: 7)
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        for _ in 0..<2_000 {
            let seconds = Int64.random(in: 0..<7_000_000_000, using: &random)
            let moment = Moment(micros: seconds * Moment.second + 123_456)
            let parts = calendar.dateComponents(
                [.year, .month, .day],
                from: Date(timeIntervalSince1970: Double(seconds))
            )
            #expect(moment.civil.year == parts.year)
            #expect(moment.civil.month == parts.month)
            #expect(moment.civil.day == parts.day)
            #expect(Moment(moment.zulu) == moment)
            #expect(Moment(httpDate: moment.httpDate)?.micros == seconds * Moment.second)
        }
        #expect(Month(year: 2028, number: 2).days == 29)
        #expect(Month(year: 2026, number: 12).end.zulu == "2026-12-31T23:59:59.999999Z")
        #expect(Moment("2026-02-30") == nil)
        #expect(Moment("2026-11-22T08:00:00+02:00") == nil)
    }

    @Test func `what JSON lacks is said in Python's words`() {
        let cases = [
            "{\"resource\":": "Expecting value: line 1 column 13 (char 12)",
            "{\"a\":1,}":
                "Expecting property name enclosed in double quotes: line 1 column 8 (char 7)",
            "[1\n,2": "Expecting ',' delimiter: line 2 column 3 (char 5)",
            "{} x": "Extra data: line 1 column 4 (char 3)",
            "\"a": "Unterminated string starting at: line 1 column 1 (char 0)",
        ]
        for (text, message) in cases {
            #expect(throws: JSONParser.Failure(description: message)) {
                try JSONParser.parse(Array(text.utf8))
            }
        }
        #expect(throws: JSONParser.Failure.self) {
            try JSONParser.parse(Array(String(repeating: "[", count: 100_000).utf8))
        }
    }

    @Test func `JSON keeps the text of numbers and the order of members`() throws {
        let text = #"{"b":0.30000000000000004,"a":[1e3,-0,"é\n\"\u0001",null,true],"é":{}}"#
        #expect(try JSONParser.parse(Array(text.utf8)).text == text)
        let pair = try JSONParser.parse(Array(#""\ud83d\ude00\u00e9""#.utf8))
        #expect(pair == "😀é")
    }

    @Test func `amounts are judged on their digits, not on their value`() {
        #expect(PythonDecimal("1.230")?.complaint(maxDigits: 20, places: 2) != nil)
        #expect(PythonDecimal("1e3")?.complaint(maxDigits: 20, places: 2) == nil)
        #expect(PythonDecimal(" +7 ")?.digits == [7])
        #expect(PythonDecimal("NaN") == nil)
        #expect(PythonDecimal("1e999999999") == nil)
        #expect(PythonDecimal(".") == nil)
    }
}
