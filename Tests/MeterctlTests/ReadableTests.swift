import Testing

@testable import meterctl

struct ReadableTests {
    @Test func `digits are grouped by threes and other text is left alone`() {
        #expect(Readable.grouped("0") == "0")
        #expect(Readable.grouped("123") == "123")
        #expect(Readable.grouped("1234") == "1 234")
        #expect(Readable.grouped("-1234567") == "-1 234 567")
        #expect(Readable.grouped("1234567.05") == "1 234 567.05")
        #expect(Readable.grouped("0.50") == "0.50")
        #expect(Readable.grouped("3.00") == "3")
        #expect(Readable.grouped("36893488147419103232") == "36 893 488 147 419 103 232")
        for text in ["", "-", "1.2.3", ".5", "5.", "--5", "x1", "١٢٣٤"] {
            #expect(Readable.grouped(text) == text)
        }
    }

    @Test(arguments: [
        (0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (9_999, "9.9 kB"), (10_000, "10 kB"),
        (1_900_000_000, "1.9 GB"), (UInt64.max, "18 EB"),
    ])
    func `bytes have two digits that count`(count: UInt64, text: String) {
        #expect(Readable.bytes(count) == text)
    }

    @Test(arguments: [
        (0, "0 s"), (59, "59 s"), (65, "1 min 05 s"), (7_620, "2 h 07 min"), (90_000, "1 d 1 h"),
    ])
    func `times have two units`(seconds: Int64, text: String) {
        #expect(Readable.seconds(seconds) == text)
    }
}
