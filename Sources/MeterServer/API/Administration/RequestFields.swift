internal import Meter
internal import MeterWaldur
internal import MeterWire

/// The members of an administration request's JSON body, read strictly: a member that the route does not
/// know is refused, since a misspelt one must not decide by being absent.
struct RequestFields {
    private let members: [String: JSONValue]

    init(_ body: [UInt8], allowed: Set<String>) throws(Problem) {
        let value: JSONValue
        do throws(JSONParser.Malformed) {
            value = try JSONParser.parse(body)
        } catch {
            throw .badBody("The body is not JSON: \(error.description).")
        }
        guard let members = value.object else { throw .badBody("The body is a JSON object.") }
        try self.init(members, allowed: allowed)
    }

    private init(_ members: [String: JSONValue], allowed: Set<String>) throws(Problem) {
        for name in members.keys.sorted() where !allowed.contains(name) {
            throw .badBody(
                "The member `\(QueryItems.shown(name))` is not known here. Known are "
                    + allowed.sorted().joined(separator: ", ") + "."
            )
        }
        self.members = members
    }

    private init(members: [String: JSONValue]) { self.members = members }

    /// A string that may be missing, or null.
    func optional(_ name: String) throws(Problem) -> String? {
        guard let value = members[name], !value.isNull else { return nil }
        guard let text = value.string else { throw .badBody("`\(name)` is a string.") }
        return text
    }

    /// A string that must be there.
    func text(_ name: String) throws(Problem) -> String {
        guard let text = try optional(name) else { throw .badBody("`\(name)` is missing.") }
        return text
    }

    /// A name by the rules of the wire.
    func name(_ name: String) throws(Problem) -> Name {
        try Self.name(try text(name), name)
    }

    /// A list of strings; nil where it is missing.
    func texts(_ name: String) throws(Problem) -> [String]? {
        guard let value = members[name], !value.isNull else { return nil }
        guard let elements = value.array else {
            throw .badBody("`\(name)` is an array of strings.")
        }
        var texts: [String] = []
        for element in elements {
            guard let text = element.string else {
                throw .badBody("`\(name)` is an array of strings.")
            }
            texts.append(text)
        }
        return texts
    }

    /// A list of objects; empty where it is missing.
    func objects(_ name: String, allowed: Set<String>) throws(Problem) -> [RequestFields] {
        guard let value = members[name], !value.isNull else { return [] }
        guard let elements = value.array else {
            throw .badBody("`\(name)` is an array of objects.")
        }
        var objects: [RequestFields] = []
        for element in elements {
            guard let object = element.object else {
                throw .badBody("`\(name)` is an array of objects.")
            }
            objects.append(try RequestFields(object, allowed: allowed))
        }
        return objects
    }

    /// A whole number as a decimal string or a JSON number; nil where it is missing.
    func natural(_ name: String) throws(Problem) -> UInt64? {
        switch members[name] {
        case nil, .null: return nil
        case .string(let digits), .number(let digits):
            guard let number = UInt64(digits) else {
                throw .badBody("`\(name)` is a whole number.")
            }
            return number
        default: throw .badBody("`\(name)` is a whole number.")
        }
    }

    /// An object of whole numbers or null, by name; empty where it is missing.
    func naturals(_ name: String) throws(Problem) -> [(String, UInt64?)] {
        guard let value = members[name], !value.isNull else { return [] }
        guard let object = value.object else {
            throw .badBody("`\(name)` is an object of whole numbers.")
        }
        let inner = RequestFields(members: object)
        var numbers: [(String, UInt64?)] = []
        for key in object.keys.sorted() { numbers.append((key, try inner.natural(key))) }
        return numbers
    }

    /// True or false; nil where it is missing.
    func boolean(_ name: String) throws(Problem) -> Bool? {
        guard let value = members[name], !value.isNull else { return nil }
        guard case .bool(let flag) = value else { throw .badBody("`\(name)` is true or false.") }
        return flag
    }

    /// Whether everything is to be checked and answered as if, and nothing decided.
    func isDryRun() throws(Problem) -> Bool { try boolean("dryRun") ?? false }

    /// A moment; nil where it is missing.
    func time(_ name: String) throws(Problem) -> Timestamp? {
        guard let text = try optional(name) else { return nil }
        guard let time = RFC3339.time(text) else {
            throw .badBody("`\(name)` is RFC 3339 with an offset, such as 2026-11-01T00:00:00Z.")
        }
        return time
    }

    /// A whole minute; nil where it is missing.
    func minute(_ name: String) throws(Problem) -> Minute? {
        guard let time = try time(name) else { return nil }
        guard time.milliseconds % 60_000 == 0, let minute = Minute(time) else {
            throw .badBody("`\(name)` is a whole minute: what was used is counted by the minute.")
        }
        return minute
    }

    static func name(_ text: String, _ field: String) throws(Problem) -> Name {
        guard NameRule.accepts(text) else {
            throw .badBody("`\(field)` is 1 to 255 bytes of text without control characters.")
        }
        return Name(text)
    }
}

extension BookStore {
    /// Books decisions on behalf of a caller; refusals become problems that say what to do.
    ///
    /// - Parameter isDryRun: Refuses what would be refused, and books nothing.
    /// - Returns: The entries, or what they would be.
    @discardableResult
    func decide(
        _ decisions: [Decision],
        _ caller: Caller,
        isDryRun: Bool = false
    ) throws(Problem) -> [BookEntry] {
        do throws(BookError) {
            return isDryRun
                ? try rehearse(decisions, author: caller.author)
                : try append(decisions, author: caller.author)
        } catch {
            switch error {
            case .refused(let refusal): throw .precondition(Self.sentence(refusal.description))
            case .tooLarge: throw .badBody(Self.sentence(error.description))
            case .disk, .damaged: throw .unavailable(Self.sentence(error.description))
            }
        }
    }

    private static func sentence(_ text: String) -> String {
        text.prefix(1).uppercased() + text.dropFirst() + "."
    }
}
