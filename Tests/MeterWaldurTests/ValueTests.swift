import Meter
import MeterTesting
import MeterWaldur
import MeterWire
import Testing

@Suite struct ValueTests {
    @Test(arguments: [
        ("12.34", "12.34"), ("0.003125", "0.003125"), ("1e-05", "0.00001"), ("5e-7", "0.0000005"),
        ("-0.04", "-0.04"), ("7", "7"), ("10.50", "10.5"), ("1E3", "1000"), ("0.0000000000", "0"),
        ("999999999999.9900000000", "999999999999.99"), ("-0", "0"), ("1.5e2", "150"),
    ])
    func `numbers are read exactly as they are written`(text: String, expected: String) {
        #expect(ExactDecimal(text)?.description == expected)
    }

    @Test(arguments: [
        "", "-", ".", "1.2.3", "NaN", "1e", "1e99999", "0x1", " 1", "1 ", "1e-999", "--1",
        "1234567890123456789012345678901234567890",
    ])
    func `what is no number, or too long for one, is refused`(text: String) {
        #expect(ExactDecimal(text) == nil)
    }

    @Test func `costs are rounded away from zero, and no numbers of Waldur's make that trap`()
        throws
    {
        func cost(_ quantity: String, _ price: String) throws -> ExactDecimal {
            try #require(ExactDecimal(quantity)).multiplied(by: #require(ExactDecimal(price)))
                .roundedAway(places: 2)
        }
        #expect(try cost("1000001", "0.000003125").description == "3.13")
        #expect(try cost("-1000001", "0.000003125").description == "-3.13")
        #expect(try cost("7", "0.02").description == "0.14")
        let tiny = "0." + String(repeating: "0", count: 34) + "1"
        #expect(try cost(tiny, tiny).description == "0.01")
        #expect(try cost("-" + tiny, tiny).description == "-0.01")
        let least = try cost("-18446744073709551616", "9223372036854775808")
        // The least number has no opposite.
        #expect(throws: LedgerError.overflow) { try least.negated }
        #expect(throws: LedgerError.overflow) {
            try cost("18446744073709551616", "9223372036854775808")
        }
    }

    @Test func `sums and differences that no number holds are refused, and never wrap`() throws {
        let most = ExactDecimal(digits: .max, scale: 0)
        let least = ExactDecimal(digits: .min, scale: 0)
        let one = ExactDecimal(digits: 1, scale: 0)
        let cent = ExactDecimal(digits: 1, scale: 2)
        // Of numbers that fit, of one that does not in the other's decimals, and of both.
        for refused in [
            [most, one], [most, cent], [cent, most], [least, least], [least, cent],
        ] {
            #expect(throws: LedgerError.overflow) { try ExactDecimal.sum(refused) }
        }
        #expect(throws: LedgerError.overflow) { try least.subtracting(one) }
        #expect(throws: LedgerError.overflow) { try ExactDecimal.zero.subtracting(least) }
        #expect(throws: LedgerError.overflow) { try most.subtracting(cent) }
        #expect(try ExactDecimal.sum([most, least]).description == "-1")
        #expect(try least.subtracting(least) == .zero && most.subtracting(most) == .zero)
        #expect(try ExactDecimal.sum([]) == .zero)
        // As long as Waldur's longest numbers, with ten decimals.
        let long = try #require(ExactDecimal("999999999999999999999999.9999999999"))
        #expect(try long.adding(long).description == "1999999999999999999999999.9999999998")
    }

    /// Seeded sums against sums of the same numbers as integers of one scale.
    @Test func `sums are those of integers`() throws {
        var seed = Seed(29)
        for _ in 0..<2_000 {
            let parts = (0..<seed.below(6)).map { _ in
                (digits: Int128(seed.below(1_000_000)) - 500_000, scale: seed.below(10))
            }
            let whole = parts.reduce(Int128(0)) { sum, part in
                sum + (0..<(9 - part.scale)).reduce(part.digits) { digits, _ in digits * 10 }
            }
            let sum = try ExactDecimal.sum(
                parts.map { ExactDecimal(digits: $0.digits, scale: $0.scale) })
            #expect(sum == ExactDecimal(digits: whole, scale: 9))
            #expect(try sum.subtracting(sum) == .zero)
        }
    }

    @Test func `hundredths are exact and three decimals are none`() throws {
        #expect(ExactDecimal("70.12")?.hundredths == Hundredths(7012))
        #expect(ExactDecimal("70.123")?.hundredths == nil)
        #expect(try #require(ExactDecimal("70.12")).isExactly(Hundredths(7012)))
        #expect(
            try #require(ExactDecimal("0.1")).adding(#require(ExactDecimal("0.25"))).description
                == "0.35"
        )
    }

    /// Seeded texts of digits against arithmetic on the digits themselves.
    @Test func `a decimal prints back what it read`() throws {
        var seed = Seed(11)
        for _ in 0..<5_000 {
            let whole = seed.below(1_000_000)
            let places = seed.below(10)
            var fraction = (0..<places).map { _ in String(seed.below(10)) }.joined()
            let number = try #require(
                ExactDecimal(places == 0 ? "\(whole)" : "\(whole).\(fraction)")
            )
            while fraction.hasSuffix("0") { fraction.removeLast() }
            #expect(number.description == (fraction.isEmpty ? "\(whole)" : "\(whole).\(fraction)"))
        }
    }

    @Test func `JSON keeps numbers as text and reads every kind of value`() throws {
        let text = #"{"a":[1,0.1,1e-05,-2],"s":"\u00e9\ud83d\ude00\n\"","t":true,"n":null,"o":{}}"#
        let json = try JSONParser.parse(Array(text.utf8))
        #expect(json["a"]?.array?[1] == .number("0.1"))
        #expect(json["a"]?.array?[2].decimal?.description == "0.00001")
        #expect(json["s"]?.string == "é😀\n\"")
        #expect(json["t"] == .bool(true) && json["n"]?.isNull == true)
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":}", "{\"a\"1}", "\"\\u12\"", "\"\\ud800\"", "tru", "1 2",
        "\"\u{1}\"",
        "{a:1}", "[1 2]", "'a'",
    ])
    func `what is not JSON is refused with its place`(text: String) {
        #expect(throws: JSONParser.Malformed.self) { try JSONParser.parse(Array(text.utf8)) }
    }

    @Test func `no bytes make the parser trap`() {
        var seed = Seed(3)
        let alphabet = Array("{}[]\",:\\u0123eE+-.truefalsn \u{7F}".utf8) + [0xFF, 0xC3, 0x00]
        for _ in 0..<20_000 {
            let bytes = (0..<seed.below(40)).map { _ in seed.pick(alphabet) }
            _ = try? JSONParser.parse(bytes)
        }
        let deep = Array(repeating: UInt8(ascii: "["), count: 100_000)
        #expect(throws: JSONParser.Malformed.self) { try JSONParser.parse(deep) }
    }

    @Test func `times are read with and without fractions and offsets`() {
        #expect(
            WaldurTime.parse("2026-11-22T08:07:09.755542Z")
                == Timestamp(milliseconds: 1_795_334_829_755)
        )
        #expect(
            WaldurTime.parse("2026-11-22T10:07:09+02:00")
                == Timestamp(milliseconds: 1_795_334_829_000)
        )
        #expect(
            WaldurTime.parseHTTPDate("Sun, 22 Nov 2026 08:07:09 GMT")
                == Timestamp(milliseconds: 1_795_334_829_000)
        )
        for text in [
            "2026-11-22", "2026-13-22T08:07:09Z", "2026-11-22T08:07:09", "2026-11-22T08:07:09.Z",
            "2026-11-22T24:07:09Z", "xxxx-11-22T08:07:09Z",
        ] {
            #expect(WaldurTime.parse(text) == nil, "\(text)")
        }
        for text in ["Sun, 22 Nov 2026 08:07:09", "22 Nov 2026", "Sun, 22 Foo 2026 08:07:09 GMT"] {
            #expect(WaldurTime.parseHTTPDate(text) == nil, "\(text)")
        }
    }

    @Test func `months begin and end in their zone, through leap years`() throws {
        let east = try #require(WaldurZone("+02:00"))
        var month = try #require(BillingMonth("1999-12"))
        for _ in 0..<600 {
            let start = month.start(in: east)
            let end = month.end(in: east)
            #expect(BillingMonth(of: start, in: east) == month)
            #expect(BillingMonth(of: end.advanced(byMilliseconds: -1), in: east) == month)
            #expect(BillingMonth(of: start.advanced(byMilliseconds: -1), in: east) != month)
            let days = (end.milliseconds - start.milliseconds) / 86_400_000
            let leap = month.year % 4 == 0 && (month.year % 100 != 0 || month.year % 400 == 0)
            let lengths = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            #expect(days == Int64(lengths[month.month - 1]))
            month = month.next
        }
        #expect(BillingMonth(firstDay: "2026-11-01")?.firstDay == "2026-11-01")
        #expect(BillingMonth(firstDay: "2026-11-02") == nil)
        #expect(WaldurZone("+25:00") == nil && WaldurZone("2") == nil && WaldurZone("UTC") == .utc)
    }
}
