import Foundation

@testable import WaldurDouble

/// A recorded session with a real Waldur.
struct Transcript {
    struct Step {
        var note: String
        var who: String
        var method: String
        /// Path and query.
        var target: String
        var authorization: String?
        /// The body as text; one that was not JSON is kept as it was sent.
        var body: String?
        var status: Int
        var headers: [String: String]
        var answer: JSON?
        /// The text of an answer that was not JSON.
        var page: String?

        func header(_ name: String) -> String? { headers[name.lowercased()] }

        /// The server's time when it answered.
        var time: Moment? { header("Date").flatMap(Moment.init(httpDate:)) }
    }

    var steps: [Step]

    /// The folder of transcripts: `METER_TRANSCRIPTS`, or the shared one beside the package.
    static var folder: URL {
        if let path = ProcessInfo.processInfo.environment["METER_TRANSCRIPTS"] {
            return URL(fileURLWithPath: path)
        }
        let package = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let named = package.appendingPathComponent("../shared/waldur/transcripts")
            .standardizedFileURL
        if FileManager.default.fileExists(atPath: named.path) { return named }
        return URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
            .appendingPathComponent("../shared/waldur/transcripts").standardizedFileURL
    }

    /// nil, said aloud, when the recordings are not on this machine.
    static func load(_ name: String) throws -> Transcript? {
        let url = folder.appendingPathComponent(name)
        guard let data = try? Data(contentsOf: url) else {
            print("skipped: the replay of \(name), since there is no \(url.path)")
            return nil
        }
        let json = try JSONParser.parse(Array(data))
        let steps = json["steps"]?.array ?? json.array ?? []
        return Transcript(steps: steps.compactMap(Step.read))
    }
}

extension Transcript.Step {
    /// nil for what is no request.
    init?(_ json: JSON) {
        guard let request = json["request"], let method = request["method"]?.string else {
            return nil
        }
        guard let response = json["response"], let url = request["url"]?.string,
            let status = response["status"]?.number
        else { return nil }
        note = json["note"]?.string ?? ""
        who = json["who"]?.string ?? ""
        self.method = method
        target = url.replacing(/^https?:\/\/[^\/]*/, with: "")
        authorization = request["headers"]?["Authorization"]?.string
        switch request["body"] {
        case Optional.none, .some(.null): body = Optional.none
        case .string(let text): body = text
        case .some(let value): body = value.text
        }
        self.status = Int(status) ?? 0
        var headers: [String: String] = [:]
        for member in response["headers"]?.members ?? [] {
            headers[member.key.lowercased()] = member.value.string
        }
        self.headers = headers
        page = response["body"]?["_not_json"]?.string
        if case .string(let text) = response["body"] ?? .null {
            page = text.isEmpty ? nil : text
            return
        }
        let json = response["body"]
        answer = json == nil || json == .some(.null) || page != nil ? Optional.none : json
    }
}

extension Transcript.Step {
    /// Background work that was called by hand has the method `TASK` and says in its target what it
    /// was; what the recording looked up in the database has the method `DUMP`; a report of which only
    /// the body was kept is made whole.
    fileprivate static func read(_ json: JSON) -> Self? {
        guard let request = json["request"] else { return Self(dump: json) }
        if request["method"] == "TASK" { return Self(task: request["body"]?.text ?? "", json) }
        if request["usages"] != nil { return Self(report: request, json) }
        return Self(json)
    }

    /// Background work that a recording mentions without a step of its own.
    static func task(_ what: String) -> Self { Self(task: what, [:]) }

    private init(dump: JSON) {
        self.init(task: "", dump)
        method = "DUMP"
        answer = dump
    }

    private init(report: JSON, _ json: JSON) {
        self.init(task: "/api/marketplace-component-usages/set_usage/", json)
        (method, who, body) = ("POST", "provider", report.text)
        status = json["response"]?["status"]?.number.flatMap { Int($0) } ?? 0
        page = status == 500 ? json["response"]?["body"]?.string : nil
    }

    private init(task: String, _ json: JSON) {
        note = json["note"]?.string ?? ""
        who = ""
        method = "TASK"
        target = task
        status = 0
        headers = [:]
    }
}

extension Moment {
    /// Reads a `Date` header.
    init?(httpDate: String) {
        let words = httpDate.split(separator: " ")
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        guard words.count == 6, let month = months.firstIndex(of: String(words[2])) else {
            return nil
        }
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        self.init("\(words[3])-\(number)-\(words[1])T\(words[4])Z")
    }
}
