/** Adds the key to a request when the environment gives one: Artillery's templates know no "if". */
export async function authorize(request) {
  const key = process.env.API_KEY;
  if (key) request.headers = { ...request.headers, authorization: `Bearer ${key}` };
}
