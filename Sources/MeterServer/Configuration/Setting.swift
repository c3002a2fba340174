/// One thing that can be configured: its name in each place, its default, and what it means.
///
/// The same key is the flag `--limits-connections`, the variable `METER_LIMITS_CONNECTIONS` and the
/// line `connections:` under `limits:` of the YAML file.
struct Setting: Sendable {
    enum Kind: Sendable {
        case text
        /// `HOST:PORT` with an IP address or `localhost`, or `off`.
        case address
        case flag
        case count(ClosedRange<Int>)
        case choice([String])
    }

    let key: [String]
    let kind: Kind
    /// What holds when no place says anything; nil where there is no default.
    let fallback: String?
    /// What a number counts; empty where the kind says it.
    let unit: String
    /// One or two sentences for `--help`: what it does and, for a limit, what happens at it.
    let help: String
    /// Hidden settings are for tests and demonstrations; `--help` does not list them.
    let isHidden: Bool
    /// A secret is never taken from the command line or the file, and never printed.
    let isSecret: Bool

    init(
        _ key: [String],
        _ kind: Kind,
        default fallback: String?,
        unit: String = "",
        _ help: String,
        isHidden: Bool = false,
        isSecret: Bool = false
    ) {
        self.key = key
        self.kind = kind
        self.fallback = fallback
        self.unit = unit
        self.help = help
        self.isHidden = isHidden
        self.isSecret = isSecret
    }

    /// `limits.connections`, as messages and the YAML file name it.
    var path: String { key.joined(separator: ".") }

    /// `--limits-connections`.
    var flag: String { "--" + key.joined(separator: "-") }

    /// `METER_LIMITS_CONNECTIONS`.
    var variable: String {
        "METER_"
            + key.joined(separator: "_").uppercased()
            .map { $0 == "-" ? "_" : String($0) }.joined()
    }
}
