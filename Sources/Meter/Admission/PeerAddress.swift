/// The address that something came from, as 128 bits of IPv6; IPv4 is in it as IPv6 maps it.
package struct PeerAddress: Hashable, Comparable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// An address of IPv4: `127.0.0.1` is `0x7F00_0001`.
    package init(ipv4: UInt32) {
        self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(ipv4))
    }

    package static func < (left: PeerAddress, right: PeerAddress) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }

    private var ipv4: UInt32? {
        high == 0 && low >> 32 == 0xFFFF ? UInt32(truncatingIfNeeded: low) : nil
    }

    private var groups: [UInt16] {
        (0..<8).map { index in
            let half = index < 4 ? high : low
            return UInt16(truncatingIfNeeded: half >> (48 - 16 * UInt64(index % 4)))
        }
    }
}

extension PeerAddress: CustomStringConvertible {
    /// Reads what `description` writes, and IPv6 with or without `::`; nil for names, ports and zones.
    package init?(_ text: some StringProtocol) {
        let text = Substring(text)
        if let ipv4 = Self.ipv4(text) {
            self.init(ipv4: ipv4)
            return
        }
        // At most one `::`, which stands for as many zeros as are missing.
        let cut = Self.cut(text)
        let groups: [UInt16]
        if let after = cut.after {
            guard let front = Self.groups(cut.before, mayEndInIPv4: false),
                let back = Self.groups(after, mayEndInIPv4: true),
                front.count + back.count < 8
            else { return nil }
            groups = front + [UInt16](repeating: 0, count: 8 - front.count - back.count) + back
        } else {
            guard let all = Self.groups(text, mayEndInIPv4: true), all.count == 8 else {
                return nil
            }
            groups = all
        }
        func half(_ groups: ArraySlice<UInt16>) -> UInt64 {
            groups.reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
        }
        self.init(high: half(groups[..<4]), low: half(groups[4...]))
    }

    /// What stands before the first `::` and after it.
    private static func cut(_ text: Substring) -> (before: Substring, after: Substring?) {
        var index = text.startIndex
        while index < text.endIndex {
            let next = text.index(after: index)
            if text[index] == ":", next < text.endIndex, text[next] == ":" {
                return (text[..<index], text[text.index(after: next)...])
            }
            index = next
        }
        return (text, nil)
    }

    private static func groups(_ text: Substring, mayEndInIPv4: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if mayEndInIPv4, index == parts.count - 1, let ipv4 = ipv4(part) {
                groups += [UInt16(ipv4 >> 16), UInt16(truncatingIfNeeded: ipv4)]
                continue
            }
            guard (1...4).contains(part.utf8.count),
                part.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
                let group = UInt16(part, radix: 16)
            else { return nil }
            groups.append(group)
        }
        return groups
    }

    private static func ipv4(_ text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.utf8.count),
                part.utf8.allSatisfy({ (48...57).contains($0) }),
                let byte = UInt8(part)
            else { return nil }
            value = value << 8 | UInt32(byte)
        }
        return value
    }

    /// `10.1.4.7`; `2001:db8::7`, as RFC 5952 writes it.
    package var description: String {
        if let ipv4 {
            return (0..<4).map { "\(ipv4 >> (24 - 8 * UInt32($0)) & 0xFF)" }.joined(separator: ".")
        }
        let groups = groups
        var longest = 0..<0
        var start = 0
        while start < groups.count {
            var end = start
            while end < groups.count, groups[end] == 0 { end += 1 }
            if end - start > max(longest.count, 1) { longest = start..<end }
            start = max(end, start + 1)
        }
        func text(_ part: ArraySlice<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard !longest.isEmpty else { return text(groups[...]) }
        return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
    }
}
