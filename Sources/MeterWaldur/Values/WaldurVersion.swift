/// Which Waldur it is: `7.3.0`, `8.1.3`, `8.2.0-rc.1`.
package struct WaldurVersion: Hashable, Sendable, CustomStringConvertible {
    package let major: Int
    package let minor: Int
    /// As Waldur writes it.
    package let description: String

    /// nil for a text that does not begin with two numbers.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, text.utf8.count <= 64, let major = Int(parts[0]),
            let minor = Int(parts[1].prefix { $0.isNumber }), major >= 0, minor >= 0
        else { return nil }
        self.major = major
        self.minor = minor
        description = String(text)
    }

    /// Whether `set_usage` takes `date` and `missing_usage_policy`; known from the schema of 8.1.
    package var takesDate: Bool { major >= 8 }
}
