/// Why a body is not JSON, and at which byte.
struct JSONError: Error, Equatable, CustomStringConvertible {
    enum Reason: String {
        case endsEarly = "the text ends before the value does"
        case notAValue = "a value was expected"
        case missingComma = "a comma or the closing bracket was expected"
        case missingName = "a member's name in quotation marks was expected"
        case missingColon = "a colon was expected"
        case badNumber = "a number is not written as JSON asks"
        case badEscape = "an escape is not one of JSON's, or half of a surrogate pair"
        case controlCharacter = "a control character stands in a string; write it as an escape"
        case notUTF8 = "the text is not UTF-8"
        case tooDeep = "values are nested too deeply"
        case trailingBytes = "something follows after the value"
    }

    let reason: Reason
    /// Bytes before the place.
    let position: Int

    init(_ reason: Reason, at position: Int) {
        self.reason = reason
        self.position = position
    }

    var description: String { "at byte \(position): \(reason.rawValue)" }
}
