/// Why an event cannot be put on the wire.
public enum EventDefect: Error, Equatable, Sendable {
    /// Which of an event's names.
    public enum Field: String, Sendable { case tenant, agent, component, model, user }

    /// Empty, longer than 255 bytes, or with a control character.
    case name(Field)
    /// None, or more than 64.
    case componentCount(Int)
    /// Two amounts of one component.
    case repeatedComponent(String)
    /// Beyond 2^63 - 1.
    case amount(component: String, UInt64)
    /// Beyond 2^63 - 1.
    case duration(UInt64)
    /// More than 2^61 milliseconds from 1970.
    case time(Int64)
    /// Larger than a whole frame may be.
    case tooLarge(byteCountMax: Int)
}

extension EventDefect: CustomStringConvertible {
    /// One line: what is wrong.
    public var description: String {
        switch self {
        case .name(let field):
            "the \(field.rawValue) must be 1 to 255 bytes of text without control characters"
        case .componentCount(let count): "an event has 1 to 64 components, not \(count)"
        case .repeatedComponent(let component): "component \(component) is there twice"
        case .amount(let component, let amount):
            "the amount of \(component), \(amount), is beyond 2^63 - 1"
        case .duration(let duration): "the duration, \(duration) ms, is beyond 2^63 - 1"
        case .time(let time): "the time, \(time) ms, is more than 2^61 ms from 1970"
        case .tooLarge(let count): "one event is larger than the \(count) bytes of a frame"
        }
    }
}
