// Keys in S3 events are URL-encoded, with + for blanks.
const decode = (key) => decodeURIComponent(key.replaceAll('+', ' '));

export const handler = async (event) =>
  event.Records.map((record) => ({
    bucket: record.s3.bucket.name,
    key: decode(record.s3.object.key),
    event: record.eventName,
  }));
