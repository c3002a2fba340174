internal import Glibc

/// A tenant's, agent's, component's, model's or user's name: bytes of UTF-8, compared byte by byte.
///
/// `String` compares by canonical equivalence, which is slow and would make two names that differ on
/// the wire equal in the ledger; a name here equals only the same bytes.
package struct Name: Hashable, Comparable, Sendable {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) { self.bytes = bytes }

    package init(_ text: some StringProtocol) { bytes = Array(text.utf8) }

    package static func == (left: Name, right: Name) -> Bool {
        unsafe left.bytes.withUnsafeBytes { unsafe right.order(to: $0) == 0 }
    }

    package static func < (left: Name, right: Name) -> Bool {
        unsafe right.bytes.withUnsafeBytes { unsafe left.order(to: $0) < 0 }
    }

    package func hash(into hasher: inout Hasher) {
        unsafe bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        hasher.combine(bytes.count)
    }

    /// Below 0 if the name comes before these bytes, 0 if it is them; allocates nothing.
    package func order(to other: UnsafeRawBufferPointer) -> Int {
        unsafe bytes.withUnsafeBytes { own in
            if let ownStart = own.baseAddress, let otherStart = other.baseAddress {
                let difference = unsafe memcmp(ownStart, otherStart, min(own.count, other.count))
                if difference != 0 { return Int(difference) }
            }
            return own.count - other.count
        }
    }
}

extension Name: CustomStringConvertible, ExpressibleByStringLiteral {
    package var description: String { String(decoding: bytes, as: UTF8.self) }

    package init(stringLiteral text: String) { self.init(text) }
}

/// In which of two ways usage came in. At any time only one of them counts of an agent: both may tell of the
/// same calls.
package enum UsageWay: String, Hashable, Comparable, Codable, Sendable, CaseIterable {
    /// Frames and CloudEvents.
    case native
    /// Spans of OpenTelemetry.
    case otlp

    package static func < (left: UsageWay, right: UsageWay) -> Bool {
        left == .native && right == .otlp
    }
}

/// What usage is counted for: one agent of one tenant, or one access of it where the event named one, by the way
/// in which it came.
package struct SeriesName: Hashable, Comparable, Sendable {
    package let tenant: Name
    package let agent: Name
    package let access: AccessID?
    package let way: UsageWay

    package init(tenant: Name, agent: Name, access: AccessID? = nil, way: UsageWay = .native) {
        self.tenant = tenant
        self.agent = agent
        self.access = access
        self.way = way
    }

    /// Tenant, then agent, then access, then way; usage without an access comes first.
    package static func < (left: SeriesName, right: SeriesName) -> Bool {
        if left.tenant != right.tenant { return left.tenant < right.tenant }
        if left.agent != right.agent { return left.agent < right.agent }
        switch (left.access, right.access) {
        case (nil, nil): return left.way < right.way
        case (.some, nil): return false
        case (nil, .some): return true
        case (.some(let first), .some(let second)):
            return first == second ? left.way < right.way : first < second
        }
    }
}
