internal import HTTPTypes

/// Which pages of other origins may read usage with a portal token (CORS), and what browsers are told.
///
/// Only origins that the operator listed, never all; and no cookies, so nothing is readable by a page
/// that has no token of its own.
struct CrossOrigin: Sendable {
    /// As browsers send them: scheme, host, and the port where it is not the scheme's own.
    let origins: Set<String>

    init(origins: Set<String> = []) { self.origins = origins }

    /// How long a browser may remember the answer to its question, in seconds.
    private static let memory = 600

    /// What lets a page of this origin read an answer.
    func fields(for origin: String?) -> HTTPFields {
        // Also where the origin is not listed: a cache must not give one page's answer to another.
        var fields: HTTPFields = [.vary: "Origin"]
        guard let origin, origins.contains(origin) else { return fields }
        fields[.accessControlAllowOrigin] = origin
        fields[.accessControlExposeHeaders] =
            "ETag, Retry-After, " + Freshness.fieldNames.joined(separator: ", ")
        return fields
    }

    /// What a browser is told that asks before it sends a request with a token.
    func preflight(for origin: String?, methods: [APIRoute.Method]) -> HTTPFields {
        var fields = fields(for: origin)
        guard fields[.accessControlAllowOrigin] != nil else { return fields }
        fields[.accessControlAllowMethods] = methods.map(\.rawValue).joined(separator: ", ")
        fields[.accessControlAllowHeaders] = "Authorization, Accept, If-None-Match, Last-Event-ID"
        fields[.accessControlMaxAge] = String(Self.memory)
        return fields
    }

    /// Reads what the operator listed; nil if an entry is not an origin.
    static func origins(_ text: String) -> Set<String>? {
        var origins: Set<String> = []
        for entry in text.split(separator: ",").map(\.trimmingSpaces) where !entry.isEmpty {
            let parts = entry.split(separator: "://", maxSplits: 1)
            guard parts.count == 2, parts[0] == "https" || parts[0] == "http",
                !parts[1].isEmpty,
                parts[1].utf8.allSatisfy({ byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
                        UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: "["),
                        UInt8(ascii: "]"):
                        true
                    default: false
                    }
                })
            else { return nil }
            origins.insert(entry)
        }
        return origins
    }
}
