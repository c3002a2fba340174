/// Why one event of a request is not counted, found before it reaches the engine.
///
/// The engine has reasons of its own (`too-old-for-id-dedup`, `tenant-not-allowed`, ...); an answer
/// does not show which of the two said no.
struct ItemRefusal: Error, Equatable {
    /// The raw value is part of the interface.
    enum Reason: String, CaseIterable {
        /// A member is there with another JSON type than it must have.
        case wrongType = "wrong-type"
        /// A member that must be there is not.
        case missingAttribute = "missing-attribute"
        /// A member is there twice, so it is unclear which one counts.
        case repeatedMember = "repeated-member"
        /// `specversion` is not `1.0`.
        case specversion = "unsupported-specversion"
        /// `data` is not JSON, or comes as `data_base64`.
        case unsupportedData = "unsupported-data"
        /// `time` is not RFC 3339 with an offset, or before 1970.
        case badTime = "bad-time"
        /// A name is empty, longer than 255 bytes, or has control characters.
        case badName = "bad-name"
        /// `data.access` is not a uuid.
        case badAccess = "bad-access"
        /// `data.outcome` is not one of ok, error, refused, cached.
        case unknownOutcome = "unknown-outcome"
        /// `subject` and `data.agent` differ.
        case agentMismatch = "agent-mismatch"
        /// No component is in `data.amounts`.
        case noAmounts = "no-amounts"
        /// More than 64 components are in `data.amounts`.
        case tooManyComponents = "too-many-components"
        /// An amount has a fraction or an exponent, or its string is not only digits.
        case notAnInteger = "not-an-integer"
        case negativeAmount = "negative-amount"
        /// An amount is beyond 2^63 - 1.
        case amountTooLarge = "amount-too-large"
        /// A span's detailed counts of tokens are larger than the totals that they are parts of.
        case tokenParts = "token-parts"
    }

    let reason: Reason
    /// Which member, and what to write instead. Has nothing of the event's own text in it.
    let detail: String

    init(_ reason: Reason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }
}
